"""Warnings where what is read is not what is meant: padding, and a last step that has read nothing."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import rnnbp as rb

rng = np.random.default_rng(1)
X = rng.normal(size=(5, 3, 2)).astype("float32")
TARGET = rng.normal(size=(5, 3, 4)).astype("float32")
LENGTHS = np.array([5, 2, 3])
PADDING = np.arange(5)[:, None] < LENGTHS
LOSS = rb.losses.MeanSquaredError()


def both() -> rb.Bidirectional:
    return rb.Bidirectional(rb.GRU(2, 2, rng=1), rb.GRU(2, 2, rng=2))


def about_the_mean() -> rb.Graph:
    x = rb.Input(2)
    return rb.Graph(x, rb.Dense((2, 2), 4, rng=3)(x, rb.MeanOverTime()(x)))


@pytest.mark.parametrize("model", [both(), about_the_mean()], ids=["reverse", "mean"])
@pytest.mark.parametrize("run", [rb.bptt, rb.evaluate])
def test_a_mask_where_lengths_are_meant(run, model) -> None:
    with pytest.warns(UserWarning, match=r"mask leaves .* give lengths=\(mask != 0\)"):
        run(model, X, TARGET, LOSS, mask=PADDING)


SAID = {
    "with lengths": {"mask": PADDING, "lengths": np.full(3, 5)},
    "a mask with gaps": {"mask": PADDING[::-1]},
    "no mask": {"lengths": LENGTHS},
}


@pytest.mark.parametrize("case", SAID)
def test_no_warning(case: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rb.bptt(both(), X, TARGET, LOSS, **SAID[case])


def test_a_mask_is_enough_in_one_direction() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rb.bptt(rb.GRU(2, 4, rng=1), X, TARGET, LOSS, mask=PADDING)


READ_NOTHING = {
    "both directions": lambda: rb.Sequential(both(), rb.Last()),
    "a layer between": lambda: rb.Sequential(rb.GRU(2, 2, reverse=True), rb.Tanh(), rb.Last()),
}
READ_ALL = {
    "one direction": lambda: rb.Sequential(rb.GRU(2, 2), rb.Last()),
    "one direction of both": lambda: rb.Sequential(both(), rb.GRU(4, 2), rb.Last()),
    "a mean of both": lambda: rb.Sequential(both(), rb.MeanOverTime()),
}


@pytest.mark.parametrize("case", READ_NOTHING)
def test_a_last_step_that_has_read_nothing_else(case: str) -> None:
    with pytest.warns(UserWarning, match="the first that it reads"):
        READ_NOTHING[case]()


@pytest.mark.parametrize("case", READ_ALL)
def test_a_last_step_that_has_read_all(case: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        READ_ALL[case]()
