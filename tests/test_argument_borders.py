"""Arguments of a wrong kind: an error names the argument and the cure before anything is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.numerics import DtypeError

X, Y = np.ones((4, 6, 2), np.float32), np.zeros((4, 6, 3), np.float32)
MSE = rb.losses.MeanSquaredError()


def model() -> rb.Sequential:
    return rb.Sequential(rb.RNN(2, 3, rng=0))


def train(**options: Any) -> Any:
    return rb.fit(
        model(),
        rb.Sequences(X, Y, batch_size=2),
        MSE,
        "adam",
        learning_rate=0.1,
        steps=1,
        **options,
    )


def sweep(**options: Any) -> Any:
    return rb.compare.sweep(model(), X, Y, MSE, **options)


WRONG: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "a chunk of 0": (
        lambda: train(chunk=0),
        ValueError,
        "Trainer: chunk must be at least 1, found 0",
    ),
    "a chunk in words": (
        lambda: train(chunk="3"),
        TypeError,
        "Trainer: chunk must be an integer, found '3'",
    ),
    "half a chunk": (
        lambda: train(chunk=0.5),
        TypeError,
        "Trainer: chunk must be an integer, found 0.5",
    ),
    "one share": (lambda: sweep(shares=5), TypeError, r"shares is a list, found 5; give \[5\]"),
    "a share in words": (
        lambda: sweep(shares=["a"]),
        ValueError,
        "above 0, in percent of full caching, found 'a'",
    ),
    "a share of nothing": (
        lambda: sweep(shares=[None]),
        ValueError,
        "above 0, in percent of full caching, found None",
    ),
    "one schedule": (
        lambda: sweep(schedules="all"),
        TypeError,
        r"schedules is a list, found 'all'; give \['all'\]",
    ),
    "a graph of numbers": (lambda: rb.Graph(3, 4), TypeError, "Graph takes symbolic values"),
    "a graph of layers": (
        lambda: rb.Graph(rb.Tanh(), rb.Tanh()),
        TypeError,
        "Graph takes symbolic values",
    ),
    "a layer on a text": (
        lambda: rb.ReLU()("a"),
        DtypeError,
        r"ReLU\(\): input: 'a' is no array of numbers",
    ),
    "a layer on times": (
        lambda: rb.Tanh()(np.zeros(2, "M8[s]")),
        DtypeError,
        r"Tanh\(\): input: .* convert times",
    ),
    "a layer on objects": (
        lambda: rb.Dense(2, 2)(np.zeros((3, 2), object)),
        DtypeError,
        r"Dense\(2, 2\): input: ",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_argument(case: str) -> None:
    run, kind, says = WRONG[case]
    with pytest.raises(kind, match=says):
        run()


def test_what_a_graph_may_be_given() -> None:
    x = rb.Input(2)
    y = rb.Tanh()(x)
    for ins in (x, [x], iter([x])):
        assert rb.Graph(ins, y).output_shapes((2,)) == ((2,),)
