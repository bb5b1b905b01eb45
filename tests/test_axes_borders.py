"""Batch-first arrays in time-first functions: a warning where axes can be told, else none."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.padded import reals

MSE = rb.losses.MeanSquaredError()
N, T = 5, 4
MODEL = rb.Sequential(rb.LSTM(3, 4, rng=0), rb.Dense(4, 1, rng=1))


X, Y = reals(N, T, 3), reals(N, T, 1)
MASK = np.arange(N * T).reshape(N, T) % 3 > 0
DATA = rb.Sequences(X, Y, mask=MASK, batch_size=2)
TX, TY = (np.ascontiguousarray(a.swapaxes(0, 1)) for a in (X, Y))
SQUARE = np.arange(6) < np.array([3, 6, 2, 5, 1, 4])[:, None]
"""Lengths of six sequences, each at most six steps: (B, T)."""

WARNED: dict[str, Callable[[], Any]] = {
    "x in predict": lambda: rb.predict(MODEL, X),
    "x of the source": lambda: rb.predict(MODEL, DATA.x),
    "some sequences": lambda: rb.predict(MODEL, X[:3]),
    "every second step": lambda: rb.predict(MODEL, X[1:, ::2]),
    "one sequence": lambda: rb.predict(MODEL, X[2:3]),
    "x in evaluate": lambda: rb.evaluate(MODEL, X, Y.copy(), MSE),
    "x in bptt": lambda: rb.bptt(MODEL, X, Y.copy(), MSE),
    "x in check_grads": lambda: rb.check_grads(MODEL, X, Y.copy(), MSE, samples=1),
    "target": lambda: rb.bptt(MODEL, X.copy(), Y, MSE),
    "mask": lambda: rb.bptt(MODEL, X.copy(), Y.copy(), MSE, mask=MASK),
    "a square mask of lengths": lambda: rb.bptt(
        MODEL, reals(6, 6, 3), reals(6, 6, 1), MSE, mask=SQUARE
    ),
}


@pytest.fixture(autouse=True)
def sequences() -> rb.Sequences:
    """They are the latest, whatever sources other tests have."""
    return rb.Sequences(X, Y, mask=MASK, batch_size=2)


@pytest.mark.quick
@pytest.mark.parametrize("case", WARNED)
def test_batch_first_arrays_are_noticed(case: str) -> None:
    with pytest.warns(UserWarning, match=r"here the axes are \(T, B.*: give .*\.swapaxes\(0, 1\)"):
        WARNED[case]()


def sorted_lengths(increasing: bool) -> np.ndarray:
    return (
        np.arange(6)[:, None] < np.array([1, 2, 3, 4, 5, 6])[:: 1 if increasing else -1]
    ).astype(bool)


QUIET: dict[str, Callable[[], Any]] = {
    "time first, a copy": lambda: rb.predict(MODEL, TX),
    "time first, a view": lambda: rb.evaluate(MODEL, X.swapaxes(0, 1), Y.swapaxes(0, 1), MSE, mask=MASK.T),
    "a copy, of which nothing is known": lambda: rb.predict(MODEL, X.copy()),
    "one step of some": lambda: rb.predict(MODEL, X[None, :3, 0]),
    "one step of all": lambda: rb.predict(MODEL, X[None, :, 0]),
    "one sequence, with a batch axis": lambda: rb.predict(MODEL, X[0][:, None]),
    "no time in the model": lambda: rb.predict(rb.Dense(3, 2, rng=0), X),
    "a batch": lambda: rb.predict(MODEL, DATA.batch(0, 0).x),
    "training": lambda: rb.fit(MODEL, DATA, MSE, epochs=1, validation=DATA),
    "declared time-first": lambda: (rb.Sequences(TX, TY, batch_first=False, batch_size=2), rb.bptt(MODEL, TX, TY, MSE)),
    "swapped by hand": lambda: (rb.Sequences(TX.swapaxes(0, 1), None, batch_size=2), rb.predict(MODEL, TX)),
    "a batch of one": lambda: (rb.Sequences(TX[:, :1].swapaxes(0, 1), None, batch_size=1), rb.predict(MODEL, TX[:, :1])),
    "sorted lengths": lambda: rb.bptt(MODEL, reals(6, 6, 3), reals(6, 6, 1), MSE, mask=sorted_lengths(False)),
    "lengths that grow": lambda: rb.bptt(MODEL, reals(6, 6, 3), reals(6, 6, 1), MSE, mask=sorted_lengths(True)),
    "padding at the beginning": lambda: rb.bptt(MODEL, reals(6, 6, 3), reals(6, 6, 1), MSE, mask=sorted_lengths(False)[::-1]),
    "a mask of lengths": lambda: rb.bptt(MODEL, reals(6, 6, 3), reals(6, 6, 1), MSE, mask=SQUARE.T),
    "a gap": lambda: rb.bptt(MODEL, reals(6, 6, 3), reals(6, 6, 1), MSE, mask=np.arange(6)[:, None].repeat(6, 1) != 3),
}  # fmt: skip


@pytest.mark.parametrize("case", QUIET)
def test_there_are_no_false_alarms(case: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        QUIET[case]()


@pytest.mark.parametrize("seed", range(20))
def test_random_masks_give_no_false_alarm(seed: int) -> None:
    mask = np.random.default_rng(seed).random((6, 6)) > 0.4
    rb.bptt(MODEL, reals(6, 6, 3), reals(6, 6, 1), MSE, mask=mask)


@pytest.mark.parametrize(
    "given", [{"target": reals(3, 2)}, {"target": reals(4, 2), "mask": np.ones(3, bool)}]
)
@pytest.mark.parametrize("loss", [MSE, lambda y, t: (0.0, 0 * y)])
def test_errors_of_a_mini_batch_count_its_own_axes(given: dict[str, np.ndarray], loss: Any) -> None:
    options = {"target": None, **given}
    with pytest.raises(
        rb.ShapeError, match=r"(target|mask) axis 0, the batch, must have size 4 as in x, found .*3"
    ):
        rb.backprop(rb.Dense(5, 2, rng=0), reals(4, 5), loss=loss, **options)
