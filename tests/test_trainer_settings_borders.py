"""Attributes of a Trainer set afterwards: they hold from the next step on, or are refused."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.training import lines

MSE = rb.losses.MeanSquaredError()
X = np.random.default_rng(0).normal(size=(6, 4, 2)).astype(np.float32)
DATA = rb.Sequences(X, X[..., :1].copy(), batch_size=2)


def trainer(**options: Any) -> rb.Trainer:
    model = rb.Sequential(rb.Dense(2, 3, rng=0), rb.Tanh(), rb.Dense(3, 1, rng=1))
    return rb.Trainer(model, rb.optim.SGD(model, learning_rate=0.1), MSE, **options)


def rates(run: rb.Trainer, folder: Path) -> list[float]:
    return [line["lr"] for line in lines(folder)]


RATES = {
    "number": (1e-4, [1e-4, 1e-4, 1e-4]),
    "a number of NumPy": (np.float64(0.25), [0.25, 0.25, 0.25]),
    "schedule": (rb.optim.StepDecay(1.0, every=4, factor=0.5), [1.0, 0.5, 0.5]),
    "function": (lambda step: 0.1 / step, [0.1 / 3, 0.1 / 4, 0.1 / 5]),
    "none": (None, [0.1, 0.1, 0.1]),
}


@pytest.mark.parametrize("case", RATES)
def test_a_learning_rate_that_is_set_holds_from_the_next_step(case: str, tmp_path: Path) -> None:
    rate, expected = RATES[case]
    run = trainer(folder=tmp_path)
    run.fit(DATA, epochs=1)
    run.learning_rate = rate
    run.fit(DATA, epochs=1)
    assert rates(run, tmp_path) == [0.1, 0.1, 0.1, *expected]


def test_a_learning_rate_that_is_a_number_is_the_optimizers_own() -> None:
    run = trainer(learning_rate=0.02)
    assert run.learning_rate == run.optimizer.learning_rate == 0.02
    run.optimizer.learning_rate = 0.5
    assert run.learning_rate == 0.5
    run.learning_rate *= 0.5  # type: ignore[operator]  # a number here
    assert run.optimizer.learning_rate == 0.25
    schedule = rb.optim.Constant(0.125)
    run.learning_rate = schedule
    assert (run.learning_rate, run.optimizer.learning_rate) == (schedule, 0.25)


def test_a_rate_given_to_an_optimizer_that_a_schedule_overrules_is_warned_of(
    tmp_path: Path,
) -> None:
    run = trainer(learning_rate=rb.optim.Constant(0.5), folder=tmp_path)
    run.fit(DATA, steps=1)
    run.optimizer.learning_rate = 1e-4
    with pytest.warns(
        UserWarning, match=r"optimizer\.learning_rate was set to 0\.0001, .* set Trainer\.learning"
    ) as found:
        run.fit(DATA, steps=1)
    assert [w.filename for w in found] == [__file__]
    run.fit(DATA, steps=1)  # it is warned of once
    run.learning_rate = 1e-4
    run.fit(DATA, steps=1)
    assert rates(run, tmp_path) == [0.5, 0.5, 0.5, 1e-4]


@pytest.mark.parametrize("optimizer", ["sgd", "adam", rb.optim.SGD])
@pytest.mark.parametrize("rate", [0.02, rb.optim.Constant(0.02), lambda step: 0.02])
def test_fit_takes_any_learning_rate_with_any_optimizer(
    optimizer: Any, rate: Any, tmp_path: Path
) -> None:
    model = trainer().model
    given = optimizer if isinstance(optimizer, str) else optimizer(model)
    rb.fit(model, DATA, MSE, given, learning_rate=rate, steps=2, folder=tmp_path)
    assert [line["lr"] for line in lines(tmp_path)] == [0.02, 0.02]


def test_the_old_name_of_the_learning_rate_still_works() -> None:
    model, other = trainer().model, trainer().model
    with pytest.warns(
        DeprecationWarning, match=r"lr is called learning_rate now; write learning_rate=0\.02"
    ) as found:
        old = rb.fit(model, DATA, MSE, "adam", lr=0.02, epochs=2)
    assert [w.filename for w in found] == [__file__]
    assert old.losses == rb.fit(other, DATA, MSE, "adam", learning_rate=0.02, epochs=2).losses


def noting(norms: list[float]) -> Callable[[rb.train.Event], None]:
    """A callback that appends the norm of the gradients of each event that has them."""

    def note(event: rb.train.Event) -> None:
        if event.grads is not None:
            norms.append(np.sqrt(sum((g**2).sum() for g in event.grads.values())))

    return note


def test_clipping_that_is_set_is_used() -> None:
    norms: list[float] = []
    run = trainer(callbacks=[noting(norms)])
    run.fit(DATA, steps=1)
    run.clip_norm = 1e-3
    run.fit(DATA, steps=1)
    run.clip_norm, run.clip_value = None, 1e-5
    run.fit(DATA, steps=1)
    assert norms[0] > 0.01
    assert norms[1] == pytest.approx(1e-3, rel=1e-5)
    assert norms[2] <= 1e-5 * np.sqrt(sum(p.size for p in run.model.params.values()))


def test_the_loss_the_callbacks_and_the_validation_that_are_set_are_used() -> None:
    run, seen = trainer(), list[str]()
    first = run.fit(DATA, epochs=1)
    run.loss, run.validation, run.validate_every = rb.losses.Huber(1e6), DATA, 2
    run.callbacks = [lambda event: seen.append(event.kind)]
    history = run.fit(DATA, epochs=1)
    assert history.validation_steps == [4, 6]
    assert seen == ["step", "validation", "step", "step", "validation", "epoch"]
    assert len(history.losses) == 6
    assert first.validation_losses == []


def plateau() -> rb.optim.OnPlateau:
    return rb.optim.OnPlateau(0.2, factor=0.5, patience=0)


def test_an_on_plateau_that_is_set_is_told_the_losses_and_goes_on_from_a_snapshot(
    tmp_path: Path,
) -> None:
    """Against one that is told by hand; negated data are validated worse and worse."""
    data = rb.Sequences(-X, X[..., :1].copy(), batch_size=6)
    run = trainer(folder=tmp_path, validation=data)
    run.fit(DATA, epochs=1)
    run.learning_rate = plateau()
    run.fit(DATA, epochs=1)
    resumed = trainer(folder=tmp_path, validation=data, learning_rate=plateau()).resume()
    history = resumed.fit(DATA, until_epochs=4)
    expected, by_hand = [0.1] * 3 + [0.2] * 3, plateau()
    for value in history.validation_losses[1:3]:
        expected += [by_hand.update(value)] * 3
    assert rates(run, tmp_path) == expected
    assert expected[-1] < 0.2


def test_setting_in_a_callback_holds_from_the_next_step(tmp_path: Path) -> None:
    def halve(event: rb.train.Event) -> None:
        event.trainer.learning_rate *= 0.5  # type: ignore[operator]  # a number here

    trainer(callbacks=[halve], folder=tmp_path).fit(DATA, steps=3)
    assert [line["lr"] for line in lines(tmp_path)] == [0.1, 0.05, 0.025]


BAD: dict[str, tuple[str, Any, type[Exception], str]] = {
    "a rate below 0": ("learning_rate", -1.0, ValueError, "Trainer: learning_rate must"),
    "a rate of text": (
        "learning_rate",
        "1e-3",
        TypeError,
        "learning_rate must be a number .*or a sched",
    ),
    "a plateau": ("learning_rate", rb.optim.OnPlateau(0.1), ValueError, "needs validation losses"),
    "a norm of 0": ("clip_norm", 0, ValueError, "Trainer: clip_norm must"),
    "callbacks": ("callbacks", print, TypeError, r"callbacks is a list of functions .*give \[f\]"),
    "patience": ("patience", 3, ValueError, "patience needs validation losses"),
    "validation": ("validation", X, TypeError, "Trainer: validation must be a source of batches"),
    "loss": ("loss", "mse", TypeError, "loss"),
    "on_interrupt": (
        "on_interrupt",
        "go on",
        ValueError,
        "on_interrupt is 'raise' or 'return', found 'go on'",
    ),
    "lr": ("lr", 0.1, AttributeError, "no setting 'lr'; did you mean learning_rate"),
    "a slip": ("clipnorm", 1.0, AttributeError, "no setting 'clipnorm'; did you mean clip_norm"),
    "another": ("epochs", 3, AttributeError, r"did you mean fit\(data, epochs=\.\.\.\)"),
    "none of all": ("colour", 3, AttributeError, "what may be set: loss, checkpoint, chunk, "),
    "model": ("model", 3, AttributeError, r"Trainer\.model cannot be set; build a new Trainer"),
    "seed": ("seed", 3, AttributeError, r"Trainer\.seed cannot be set"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_set_is_refused_and_changes_nothing(case: str) -> None:
    name, value, error, words = BAD[case]
    run, other = trainer(), trainer()
    with pytest.raises(error, match=words):
        setattr(run, name, value)
    assert run.fit(DATA, epochs=1).losses == other.fit(DATA, epochs=1).losses


def test_a_subclass_may_have_attributes_of_its_own() -> None:
    class Mine(rb.Trainer):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.noted = 3

    model = trainer().model
    assert Mine(model, rb.optim.SGD(model), MSE).noted == 3


def test_the_identity_follows_what_is_set(tmp_path: Path) -> None:
    """A run that was changed is resumed as it was changed, from the first moment."""
    run = trainer(folder=tmp_path, snapshot_every=100)
    run.fit(DATA, steps=1)
    run.clip_norm = 0.5
    run.callbacks = [lambda event: 1 / 0]
    with pytest.raises(ZeroDivisionError):
        run.fit(DATA, steps=1)
    with pytest.raises(ValueError, match=r"clip_norm was 0\.5, is None"):
        trainer(folder=tmp_path).resume()
    assert trainer(folder=tmp_path, clip_norm=0.5).resume().at.step == 2


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda run: pickle.loads(pickle.dumps(run))], ids=["copy", "pickle"]
)
def test_a_copy_has_settings_of_its_own(copied: Any) -> None:
    run = trainer(clip_norm=0.5)
    run.fit(DATA, steps=2)
    other = copied(run)
    other.clip_norm, other.learning_rate = None, 0.5
    assert (run.clip_norm, run.learning_rate, other.learning_rate) == (0.5, 0.1, 0.5)
    other.clip_norm, other.learning_rate = 0.5, 0.1
    assert other.fit(DATA, steps=2).losses == run.fit(DATA, steps=2).losses


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"learning_rate": 0.1},
            r"Trainer\.fit: unknown option 'learning_rate'; it is a setting: "
            r"trainer\.learning_rate =",
        ),
        (
            {"validation": DATA},
            r"it is a setting: trainer\.validation = \.\.\. before the call, or Trainer\(",
        ),
        ({"epoch": 3}, r"Trainer\.fit: unknown option 'epoch'.*epochs"),
        ({"colour": 3}, r"'colour'; it takes data, epochs, steps, max_seconds, until_epochs, "),
    ],
)
def test_an_unknown_option_of_a_trainers_fit_names_the_way(options: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        trainer().fit(DATA, steps=1, **options)


UNKNOWN: dict[str, tuple[dict[str, Any], str]] = {
    "lr": ({"lr": 0.1}, "Trainer: unknown option 'lr', it is called 'learning_rate' here"),
    "a slip": ({"clip_nrom": 1.0}, r"unknown option 'clip_nrom' \(did you mean 'clip_norm'"),
    "of fit": (
        {"until_steps": 3},
        r"Trainer\(model, optimizer, loss\)\.fit\(data, until_steps=\.\.\.\)",
    ),
    "of the source": ({"batch_size": 3}, r"give rnnbp\.Sequences\(x, target, batch_size=32\)"),
    "none of all": (
        {"colour": 3},
        r"unknown option 'colour'; help\(rnnbp\.(Trainer|fit)\) has all that it takes",
    ),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_an_unknown_option_is_refused_with_the_nearest_one(case: str) -> None:
    options, words = UNKNOWN[case]
    with pytest.raises(TypeError, match=words):
        trainer(**options)


@pytest.mark.parametrize("case", [case for case in UNKNOWN if case != "lr"])
def test_fit_refuses_an_unknown_option_too(case: str) -> None:
    options, words = UNKNOWN[case]
    with pytest.raises(TypeError, match=words):
        rb.fit(trainer().model, DATA, MSE, "sgd", steps=1, **options)
