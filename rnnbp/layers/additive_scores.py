"""Additive scores of the lines of keys, for attention."""

from __future__ import annotations

import math
from typing import final

import numpy as np
import numpy.typing as npt

from rnnbp.initializers import InitializerLike, generator_of, initialize
from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps, Scratch, buffered
from rnnbp.layers.primitives import Primitives
from rnnbp.numerics import Array, Saved, Shape, ShapeError, float_dtype, positive_int
from rnnbp.rng import RngLike

WEIGHT = "weight"
"""The key of the parameter."""


@final
class AdditiveScores(Layer):
    """y_k = w · tanh(keys_k + query), of each line k of the keys (1409.0473). Keeps its inputs.

    Args:
        n: size of the query, and of each line of the keys.
        weight_init: initializer; uniform ±1/√n by default.
        dtype: "float32" or "float64".
        rng: seed or Generator for the initial values.
        name: the first part of its parameter's path; in a cell, its suffix.

    Shapes: keys (..., S, n), query (..., n) → y (..., S). Parameter: ``weight`` (n,).
    """

    def __init__(
        self,
        n: int,
        *,
        weight_init: InitializerLike = "uniform",
        dtype: npt.DTypeLike = "float32",
        rng: RngLike = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.n = positive_int("AdditiveScores: n", n)
        numbers, kind = generator_of("AdditiveScores", rng), float_dtype(dtype)
        line = initialize(weight_init, numbers, (1, self.n), kind, "AdditiveScores: weight")
        self.params = {WEIGHT: line[0]}

    def forward(self, keys: Array, query: Array) -> tuple[Array, Saved]:
        self.output_shapes(keys.shape[-2:], query.shape[-1:])
        y: Array = _tanh(keys, query) @ self.params[WEIGHT]
        return y, (keys, query)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        d = _tanh(*saved)
        np.multiply(d, d, out=d)
        np.subtract(1, d, out=d)  # tanh′ = 1 − tanh²
        d *= self.params[WEIGHT]
        d *= dy[..., None]
        return d, d.sum(axis=-2)

    def backward_params(self, saved: Saved, dy: Array) -> dict[str, Array]:
        e = _tanh(*saved)
        return {WEIGHT: dy.reshape(-1) @ e.reshape(-1, self.n)}

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        if len(shapes) != 2:
            raise ShapeError(f"{self}: takes keys and a query, found {len(shapes)} inputs")
        keys, query = shapes
        if query not in (None, (self.n,)):
            raise ShapeError(f"{self}: query has shape {query}; make it ({self.n},)")
        if keys is not None and (len(keys) != 2 or keys[1] != self.n):
            raise ShapeError(f"{self}: keys have shape {keys}; make them (S, {self.n})")
        return (None if keys is None else keys[:1],)

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(inputs=(0, 1))

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        size = rows * math.prod(shapes[0])
        return Scratch(size, 0, size + buffered(size))

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        keys, query = xs
        flat = ops.same(keys, (math.prod(ops.shape(keys)),))
        return (ops.additive(flat, query, self.params, WEIGHT),)

    def describe(self) -> str:
        return f"{self.n}"


def _tanh(keys: Array, query: Array) -> Array:
    """tanh(keys + query), an array of its own."""
    e: Array = keys + query[..., None, :]
    return np.tanh(e, out=e)
