"""Layers that give something else than they should."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

Array = np.ndarray

Change = Callable[[Array], Any]

STEPS, BATCH, SIZE = 5, 4, 24

every_backend = pytest.mark.parametrize("backend", ["interpreter", "numpy", "llvm"])


def same(a: Array) -> Array:
    return a


class Silent(rb.Layer):
    """y = 2 x, which does not say its shapes, with changes of output, delta and gradient."""

    def __init__(
        self, output: Change = same, delta: Change = same, gradient: Change = same
    ) -> None:
        self.params = {"scale": np.full(SIZE, 2, np.float32)}
        self.output, self.delta, self.gradient = output, delta, gradient

    def forward(self, x: Array) -> tuple[Any, Any]:
        return self.output(x * self.params["scale"]), (x,)

    def backward_inputs(self, saved: Any, dy: Array) -> Any:
        return (self.delta(dy * self.params["scale"]),)

    def backward_params(self, saved: Any, dy: Array) -> Any:
        return {"scale": self.gradient((dy * saved[0]).reshape(-1, SIZE).sum(axis=0))}

    def output_shapes(self, *shapes: Any) -> Any:
        return (None,)


class Says(Silent):
    def output_shapes(self, *shapes: Any) -> Any:
        return ((SIZE,),)


def gradients(layer: rb.Layer, backend: str) -> rb.Gradients:
    model = rb.Sequential(rb.LSTM(6, SIZE, rng=0), layer, Says(), rb.Dense(SIZE, 3, rng=1))
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(STEPS, BATCH, n)).astype(np.float32) for n in (6, 3))
    return rb.bptt(model, x, y, rb.losses.MeanSquaredError(), backend=backend, chunk=3)
