"""What a user who trains an amplifier's model reads: windows, a ratio of sums, a state, a budget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

MSE = rb.losses.MeanSquaredError()
X = np.sin(np.arange(800, dtype=np.float32))[:, None]
SILENT = np.where(np.arange(800)[:, None] < 40, 0, X).astype(np.float32)
PLAN = "disk='2 GB'"
QUIET = (
    "the target that counts is all 0; if the loss divides by it, add a small number to the "
    "divisor, as (target**2).sum() + 1e-8, or leave such data out"
)


ZEROS = [(X[:40, None], X[:40, None]), (X[:40, None], 0 * X[:40, None])]


def amp() -> rb.Sequential:
    return rb.Sequential(rb.RNN(1, 4, rng=0), rb.Dense(4, 1, rng=1))


def esr(y: Any, target: Any) -> tuple[float, Any]:
    """Error-to-signal ratio."""
    d = y - target
    with np.errstate(all="ignore"):
        energy = (target**2).sum()
        return (d**2).sum() / energy, 2 * d / energy


def masked(y: Any, target: Any, mask: Any) -> tuple[float, Any]:
    value, dy = esr(y * mask[..., None], target)
    return value, dy


def windows(target: Any = X, **options: Any) -> rb.Windows:
    return rb.Windows(X, target, horizon=40, batch_size=1, **options)


def fit(loss: Any = MSE, source: Any = None, **options: Any) -> rb.train.History:
    return rb.fit(amp(), source or windows(), loss, steps=3, progress=False, **options)


@pytest.mark.parametrize(
    ("call", "cure"),
    [
        (lambda: fit(warm_up=80), "rnnbp.Windows(x, target, horizon=50, batch_size=1, warm_up="),
        (lambda: fit(disk="2 MB"), PLAN),
        (lambda: rb.Trainer(amp(), "adam", MSE, disk="2 MB"), PLAN),
        (lambda: rb.bptt(amp(), X[:, None], X[:, None], MSE, disk="2 MB"), PLAN),
    ],
    ids=["warm_up", "fit-disk", "Trainer-disk", "bptt-disk"],
)
def test_an_argument_that_is_a_sources_or_a_plans(call: Callable[[], object], cure: str) -> None:
    with pytest.raises(TypeError, match="unknown option") as caught:
        call()
    assert cure in str(caught.value)


@pytest.mark.parametrize(
    ("loss", "options"),
    [
        (rb.losses.WholeSequence(esr), {}),
        (rb.losses.WholeSequence(masked), {"warm_up": 10}),
        (esr, {}),
    ],
    ids=["whole", "warm-up", "function"],
)
def test_a_silent_window_of_a_ratio_says_that_its_target_is_0(
    loss: Any, options: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="all 0;") as caught:
        rb.fit(amp(), windows(SILENT, **options), loss, steps=3, chunk=40, progress=False)
    assert f"finite: {QUIET}, as fit does with on_nonfinite='skip'" in str(caught.value)
    history = fit(loss, windows(SILENT, **options), epochs=1, chunk=40, on_nonfinite="skip")
    assert history.skipped == 1


def test_a_silent_window_of_the_validation_says_so_too() -> None:
    with pytest.raises(FloatingPointError, match="the validation loss is inf") as caught:
        fit(rb.losses.WholeSequence(esr), epochs=1, validate_every=1, validation=ZEROS)
    assert str(caught.value).endswith(f"is inf; in batch 1 {QUIET}")


def test_silence_is_not_suspected_in_a_loss_of_the_library() -> None:
    far = [(X[:40, None], np.full((40, 1, 1), 1e30, np.float32)), *ZEROS]
    with pytest.raises(FloatingPointError, match="validation loss is inf; lower the learning rate"):
        fit(MSE, validate_every=1, validation=far)


def test_a_loss_of_windows_that_sound_is_as_it_was() -> None:
    def lost(y: Any, target: Any) -> tuple[float, Any]:
        return 0.0, np.full_like(y, np.nan)

    with pytest.raises(ValueError, match="finite: mask steps without a target"):
        fit(rb.losses.WholeSequence(lost))


def test_a_ratio_that_is_given_as_a_function_names_the_subclass_of_loss() -> None:
    with pytest.raises(ValueError, match="does not add up over steps") as caught:
        fit(esr, windows(warm_up=80), chunk=20)
    assert "as ErrorToSignal in help(rnnbp.losses)" in str(caught.value)
    assert "class ErrorToSignal" in str(rb.losses.__doc__)


def test_a_state_of_a_different_number_of_sequences() -> None:
    _, state = rb.predict(amp(), X[:5, None])
    with pytest.raises(rb.ShapeError, match=r"= \(2, 4\), found \(1, 4\)") as caught:
        rb.predict(amp(), np.zeros((5, 2, 1), np.float32), state=state)
    assert str(caught.value).endswith(
        "the state is of 1 sequence, and x has 2: give a state of 2, leave state out to begin "
        "anew, or look whether x is (T, B, ...)"
    )


@pytest.mark.parametrize(
    ("checkpoint", "text"),
    [
        ("plan", "checkpoint 'plan' is unknown; for a plan give a budget, as '64 MB', or a Plan"),
        ("auto", "checkpoint 'auto' is unknown; for a plan give a budget, as '64 MB', or a Plan"),
        ("sqr", "checkpoint 'sqr' is unknown (did you mean 'sqrt'?"),
        ("64 MO", "checkpoint '64 MO' is not a number of bytes; write as '64 MB'"),
        (0, "checkpoint must be at least 1 byte"),
    ],
)
def test_a_checkpoint_that_is_none_is_refused_before_anything_runs(
    checkpoint: Any, text: str
) -> None:
    trainer = rb.Trainer(amp(), "adam", MSE, progress=False)
    calls: list[Callable[[], object]] = [
        lambda: fit(checkpoint=checkpoint),
        lambda: rb.Trainer(amp(), "adam", MSE, checkpoint=checkpoint),
        lambda: setattr(trainer, "checkpoint", checkpoint),
        lambda: rb.bptt(amp(), X[:, None], X[:, None], MSE, checkpoint=checkpoint),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="checkpoint") as caught:
            call()
        assert text in str(caught.value)
        assert not getattr(caught.value, "__notes__", [])


def test_where_the_plan_of_a_run_is() -> None:
    history = fit(checkpoint="1 MB")
    for run in (history, rb.Trainer(amp(), "adam", MSE)):
        with pytest.raises(AttributeError, match=r"'plan'; rnnbp\.plan\(model, loss, steps=T, "):
            getattr(run, "plan")  # noqa: B009


def test_one_sample_says_the_shape_of_a_step() -> None:
    with pytest.raises(rb.ShapeError, match=r"found np.float32\(0.0\); .* one step .* \(1, 1, 1\)"):
        rb.predict(amp(), X[0, 0])
    with pytest.raises(rb.ShapeError, match=r"found shape \(1,\); .* one sequence x\[None, None\]"):
        rb.predict(amp(), X[0])
    assert rb.predict(amp(), np.reshape(X[0, 0], (1, 1, 1)))[0].shape == (1, 1, 1)
    assert rb.predict(amp(), X[0][None, None])[0].shape == (1, 1, 1)
