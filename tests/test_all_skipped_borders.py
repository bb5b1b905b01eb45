"""A run that on_nonfinite="skip" left nothing of says so."""

from __future__ import annotations

import math
import re
import warnings
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 6, 2)).astype("float32")
Y = X[..., :1].copy()
MSE = rb.losses.MeanSquaredError()


def gap(array: np.ndarray, rows: int = 12) -> np.ndarray:
    found = array.copy()
    found[:rows, 2] = np.nan
    return found


def run(x: np.ndarray, y: np.ndarray, loss: Any = MSE, epochs: int = 2) -> Any:
    model = rb.Sequential(rb.LSTM(2, 4, rng=0), rb.Dense(4, 1, rng=1))
    before = {name: p.copy() for name, p in model.params.items()}
    options: dict[str, Any] = {"on_nonfinite": "skip", "epochs": epochs}
    history = rb.fit(model, rb.Sequences(x, y, batch_size=4, shuffle=False), loss, **options)
    return history, all((p == before[name]).all() for name, p in model.params.items())


CASES: dict[str, tuple[tuple[Any, ...], str]] = {
    "x": ((gap(X), Y), r"x is nan at \[2, 0, 0\]; inputs must be finite"),
    "target": ((X, gap(Y)), r"target has nan at \[2, 0, 0\]; replace it, or give it weight 0"),
    "loss": (
        (X, Y, lambda y, target: (math.nan, y - target)),
        "step 1: the loss is nan, and all gradients are finite",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_nothing_was_learned_and_why(case: str) -> None:
    given, why = CASES[case]
    text = (
        "fit: nothing was learned, the parameters are as they were: on_nonfinite='skip' left out "
    )
    with pytest.warns(RuntimeWarning, match=f"{text}6 batches, .* of the first: .*{why}") as caught:
        history, unchanged = run(*given)
    assert (history.steps, history.skipped) == (6, 6)
    assert unchanged
    assert [each.filename for each in caught] == [__file__]


def test_where_anything_was_learned_the_history_says_how_many_were_skipped() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history, unchanged = run(gap(X, rows=8), Y)
    assert (history.steps, history.skipped, unchanged) == (6, 4, False)
    assert re.search(r"skipped +4$", repr(history))


def test_each_call_of_a_trainer_is_told() -> None:
    model = rb.Sequential(rb.Dense(2, 1, rng=0))
    trainer = rb.Trainer(model, rb.optim.SGD(model), MSE, on_nonfinite="skip")
    trainer.fit(rb.Sequences(X, Y, batch_size=4), epochs=1)
    with pytest.warns(RuntimeWarning, match=r"Trainer.fit: nothing was learned.* left out 3 batch"):
        history = trainer.fit(rb.Sequences(gap(X), Y, batch_size=4), epochs=1)
    assert (history.steps, history.skipped) == (6, 3)


OWN: dict[str, Any] = {
    "function": lambda y, target: (float(((y - target) ** 2).sum()), 2 * (y - target)),
    "per step": rb.losses.PerStep(lambda y, target: ((y - target) ** 2, 2 * (y - target))),
    "whole": rb.losses.WholeSequence(lambda y, t: (((y - t) ** 2).mean(), 2 * (y - t) / y.size)),
}


@pytest.mark.parametrize("name", OWN)
def test_a_derivative_of_ones_own_loss_that_is_not_finite_is_skipped_too(name: str) -> None:
    history, unchanged = run(X, gap(Y, rows=4), OWN[name], epochs=1)
    assert (history.steps, history.skipped, unchanged) == (3, 1, False)


def test_the_bar_shows_no_loss_of_none(capsys: pytest.CaptureFixture[str]) -> None:
    model = rb.Sequential(rb.Dense(2, 1, rng=0))
    data = rb.Sequences(gap(X, rows=4), Y, batch_size=4, shuffle=False)
    rb.fit(model, data, MSE, on_nonfinite="skip", epochs=1, progress=True)
    said = capsys.readouterr().err
    assert "None" not in said
    assert "loss=" in said
