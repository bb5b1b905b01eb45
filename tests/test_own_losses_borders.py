"""Losses of one's own: PerStep and WholeSequence under every chunk, schedule, budget and mask."""

from __future__ import annotations

import doctest
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import assert_same_bits
from tests.own_losses import (
    CHUNKS,
    MASK,
    MODEL,
    MSE,
    SCHEDULES,
    TARGET,
    WEIGHTS,
    ErrorToSignal,
    T,
    X,
    close,
    elements,
    esr,
    run,
    squares,
    steps,
)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("f", [elements, steps])
def test_a_mean_by_steps_is_that_of_the_library(f: Any, chunk: int, weights: str) -> None:
    how = {"chunk": chunk, "mask": WEIGHTS[weights]}
    close(run(rb.losses.PerStep(f), **how), run(MSE, **how))


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("chunk", CHUNKS)
def test_a_ratio_over_the_whole_sequence_does_not_depend_on_chunks(
    chunk: int, weights: str
) -> None:
    how = {"chunk": chunk, "mask": WEIGHTS[weights]}
    close(run(rb.losses.WholeSequence(esr), **how), run(ErrorToSignal(), **how))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("loss", [rb.losses.PerStep(elements), rb.losses.WholeSequence(esr)])
def test_every_schedule_gives_the_same_bits(loss: Any, schedule: str) -> None:
    found, expected = run(loss, chunk=7, checkpoint=SCHEDULES[schedule]), run(loss, chunk=7)
    assert found.loss == expected.loss
    close(found, expected, 1e-13)  # thin tapes agree to rounding


@pytest.mark.parametrize("loss", [rb.losses.PerStep(elements), rb.losses.WholeSequence(esr)])
def test_replaying_schedules_to_the_bit(loss: Any) -> None:
    assert_same_bits(run(loss, chunk=7, checkpoint="sqrt"), run(loss, chunk=7))


@pytest.mark.parametrize(
    "loss", [rb.losses.PerStep(elements), rb.losses.WholeSequence(esr), squares]
)
def test_within_a_budget(loss: Any) -> None:
    close(run(loss, checkpoint="600 kB"), run(loss, chunk=T))


@pytest.mark.parametrize("horizon", [8, 20])
def test_truncated(horizon: int) -> None:
    close(run(rb.losses.WholeSequence(esr), horizon=horizon), run(ErrorToSignal(), horizon=horizon))


def test_evaluate_is_the_loss_of_a_run() -> None:
    for loss in (rb.losses.PerStep(steps), rb.losses.WholeSequence(esr), squares):
        found, _ = rb.evaluate(MODEL, X, TARGET, loss, mask=MASK, chunk=7)
        assert found == pytest.approx(run(loss, mask=MASK, chunk=7).loss, rel=1e-13)


@pytest.mark.parametrize("chunk", [1, 7, T])
def test_evaluate_asks_for_no_derivative(chunk: int) -> None:
    """A function that is a figure alone may return None for it."""
    for loss in (
        lambda y, t: (squares(y, t)[0], None),
        rb.losses.PerStep(lambda y, t: ((y - t) ** 2, None)),
        rb.losses.WholeSequence(lambda y, t: (squares(y, t)[0], None)),
    ):
        assert rb.evaluate(MODEL, X, TARGET, loss, chunk=chunk)[0] > 0


def test_weights_need_values_of_steps() -> None:
    with pytest.raises(
        TypeError, match=r"squares takes \(y, target\), so weights must be 0 or 1.*PerStep"
    ):
        run(squares, mask=WEIGHTS["floats"])
    with pytest.raises(
        TypeError,
        match=r"WholeSequence\(squares\): there is a mask, .*let it take \(y, target, mask\)",
    ):
        run(rb.losses.WholeSequence(squares), mask=MASK)


@pytest.mark.quick
def test_a_penalty_has_no_target() -> None:
    def penalty(y: Any, target: Any) -> Any:
        assert target is None
        return np.abs(y), np.sign(y)

    found = run(rb.losses.PerStep(penalty), target=None, chunk=7, mask=MASK)
    close(
        found, run(rb.losses.MeanAbsoluteError(), target=np.zeros_like(TARGET), chunk=7, mask=MASK)
    )


@pytest.mark.parametrize(
    "f",
    [
        lambda y, t: ((y - t) ** 2 / y.size, 2 * (y - t) / y.size),
        lambda y, t: (np.cumsum(y, 0), y[::-1]),
    ],
)
@pytest.mark.parametrize("chunk", [1, 7, T])
def test_values_that_depend_on_other_steps(f: Any, chunk: int) -> None:
    with pytest.raises(
        ValueError, match=r"the values of a step depend on other steps.*WholeSequence"
    ):
        run(rb.losses.PerStep(f), chunk=chunk)


@pytest.mark.parametrize(
    ("values", "cure"),
    [
        (lambda y: float(y.sum()), "do not sum or average"),
        (lambda y: y.sum(axis=1), "do not sum or average"),
        (lambda y: y.sum(axis=-1, keepdims=True), "leave its last axis out"),
    ],
)
def test_values_of_another_shape(values: Any, cure: str) -> None:
    with pytest.raises(rb.ShapeError, match=rf"values must have y's shape .*{cure}"):
        run(rb.losses.PerStep(lambda y, t: (values(y), y)), chunk=7)


@pytest.mark.quick
def test_a_missing_target_is_named_by_its_step() -> None:
    target = TARGET.copy()
    target[33, 1, 0] = np.nan
    with pytest.raises(
        ValueError, match=r"PerStep\(elements\) returned dy = nan at \[5, 1, 0\]; .*mask"
    ) as caught:
        run(rb.losses.PerStep(elements), target=target, chunk=7)
    assert caught.value.__notes__ == ["steps are counted from step 28 of the sequence"]


class Alignment(rb.losses.Loss):
    """−Σ w y·t / Σ w; returns the target itself as its derivative, or an array that it keeps."""

    kept = -TARGET

    def summed(self, y: Any, target: Any, weights: Any = None) -> Any:
        return -float((y * target).sum()), self.kept if len(y) == T else target

    def weight(self, target: Any, weights: Any = None, *, outputs: Any) -> float:
        return float(np.prod(outputs[:2]))


@pytest.mark.parametrize("chunk", [7, T])
def test_arrays_that_a_subclass_returns_are_not_written_to(chunk: int) -> None:
    loss, target, kept = Alignment(), TARGET.copy(), Alignment.kept.copy()
    found = [run(loss, target=target, chunk=chunk).dx for _ in range(2)]
    loss(rb.predict(MODEL, X)[0], target)
    np.testing.assert_array_equal(*found)
    np.testing.assert_array_equal(target, TARGET)
    np.testing.assert_array_equal(Alignment.kept, kept)


class Slope(rb.losses.Elementwise):
    """Its derivative is the same array at each call."""

    kept = np.full(TARGET.shape, 0.5)

    def elements(self, y: Any, target: Any) -> Any:
        return 0.5 * y, self.kept


def test_arrays_of_elements_are_not_written_to() -> None:
    found = run(Slope(), chunk=T, mask=MASK).dx, run(Slope(), chunk=T, mask=MASK).dx
    np.testing.assert_array_equal(*found)
    np.testing.assert_array_equal(Slope.kept, 0.5)


def test_outputs_on_request() -> None:
    for loss in (rb.losses.PerStep(elements), rb.losses.WholeSequence(esr)):
        np.testing.assert_array_equal(
            run(loss, chunk=7, return_y=True).y, rb.predict(MODEL, X, chunk=7)[0]
        )


def test_logarithms_see_no_padding() -> None:
    """Neither 0, whose logarithm is infinite, nor NaN."""

    def poisson(y: Any, target: Any) -> Any:
        assert (target > 0).all()
        return np.exp(y) - target * y + np.log(target), np.exp(y) - target

    target = np.where(MASK[..., None], np.abs(TARGET) + 0.1, np.nan)
    y = rb.predict(MODEL, X)[0]
    full = np.exp(y) - target * y + np.log(target)
    assert run(rb.losses.PerStep(poisson), target=target, mask=MASK, chunk=7).loss == pytest.approx(
        full[MASK].mean(), rel=1e-12
    )


@pytest.mark.parametrize(
    "module",
    [
        "rnnbp.losses",
        "rnnbp.losses.base",
        "rnnbp.losses.binary_cross_entropy",
        "rnnbp.losses.elementwise",
        "rnnbp.losses.per_step",
        "rnnbp.losses.regression",
        "rnnbp.losses.whole_sequence",
    ],
)
def test_examples_of_help_run(module: str) -> None:
    found = doctest.testmod(__import__(module, fromlist=["x"]))
    assert found.attempted
    assert not found.failed


def test_weights_that_are_nan_are_refused() -> None:
    """Of a Loss whose weight() sums a target with a gap; such a batch is not one without weight."""

    class Energy(rb.losses.Loss):
        def weight(self, target: Any, weights: Any = None, *, outputs: Any) -> float:
            return float((target**2).sum())

        def summed(self, y: Any, target: Any, weights: Any = None) -> Any:
            return float(((y - target) ** 2).sum()), 2 * (y - target)

    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(6, 2, 3)), rng.normal(size=(6, 2, 4))
    target[2, 1, 0] = np.nan
    with pytest.raises(
        ValueError,
        match=r"the sum of its weights is nan, .* leave out elements whose target is NaN",
    ):
        rb.bptt(rb.RNN(3, 4, dtype="float64"), x, target, Energy())
