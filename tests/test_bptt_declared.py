"""The engine with layers that do not declare what they keep, or declare something else."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.bptt_runs import MSE, reals
from tests.helpers import assert_same_bits


class Undeclared(rb.Layer):
    """A person's own layer with two outputs, without ``keeps``: it runs as it is."""

    n_outputs = 2

    def __init__(self, dtype: str) -> None:
        self.params = {"scale": np.array([1.5, -0.5], dtype)}

    def forward(self, x: np.ndarray) -> tuple[Any, tuple[np.ndarray, ...]]:
        return (x * self.params["scale"][0], x * x * self.params["scale"][1]), (x,)

    def backward_inputs(self, saved: Any, dy: Any) -> tuple[np.ndarray, ...]:
        a, b = self.params["scale"]
        first, second = (0 if d is None else d for d in dy)
        return (first * a + second * 2 * saved[0] * b,)

    def backward_params(self, saved: Any, dy: Any) -> dict[str, np.ndarray]:
        (x,) = saved
        parts = [0.0 if d is None else (d * f).sum() for d, f in zip(dy, (x, x * x), strict=True)]
        return {"scale": np.array(parts, x.dtype)}

    def output_shapes(self, *shapes: Any) -> Any:
        return shapes * 2


class Misdeclared(Undeclared):
    def keeps(self, *shapes: Any) -> Any:
        return rb.layers.Keeps(outputs=(0,))


def own_cell(layer: Any, dtype: str = "float64") -> rb.Recurrent:
    x, h = rb.Input(3), rb.State(3)
    a, b = layer(rb.Dense((3, 3), 3, dtype=dtype, rng=0)(x, h))
    return rb.Recurrent(rb.Cell(x, {h: rb.Tanh()(a + b)}, output=b))


def test_a_layer_that_does_not_declare_what_it_keeps() -> None:
    rb.check_grads(own_cell(Undeclared("float64")), reals(7, 2, 3), chunk=3, checkpoint="sqrt")
    model, x, dy = own_cell(Undeclared("float32"), "float32"), reals(7, 2, 3), reals(7, 2, 3)
    given = partial(rb.bptt, model, x, dy, lambda y, dy: (0.0, dy), chunk=2)
    assert_same_bits(given(checkpoint="sqrt"), given())


def test_a_layer_that_declares_something_else_is_named() -> None:
    with pytest.raises(
        TypeError, match=r"Misdeclared\(\): forward saved other arrays than its keeps\(\) declares"
    ):
        rb.bptt(own_cell(Misdeclared("float64")), reals(3, 2, 3), reals(3, 2, 3), MSE)
