"""The parts of attention: values left out by a mask, and additive scores."""

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


@final
class Masked(Layer):
    """y = x where a mask is 1, and a number where it is 0, whatever x is there. Keeps the mask.

    Args:
        fill: the number.
        name: its name in ``repr`` and errors.

    Shapes: x (..., S) or (..., S, n), mask (..., S) → y as x. The mask has no gradient.
    """

    def __init__(self, fill: float = 0.0, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.params: dict[str, Array] = {}
        self.fill = float(fill)

    def forward(self, x: Array, mask: Array) -> tuple[Array, Saved]:
        axes = 1 + (x.ndim > mask.ndim)
        self.output_shapes(x.shape[-axes:], mask.shape[-1:])
        y = np.full(x.shape, self.fill, x.dtype)
        np.copyto(y, x, where=_within(mask, x.ndim))
        return y, (mask,)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        (mask,) = saved
        dx = np.zeros(dy.shape, dy.dtype)
        np.copyto(dx, dy, where=_within(mask, dy.ndim))
        return dx, np.zeros(mask.shape, dy.dtype)

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        if len(shapes) != 2:
            raise ShapeError(f"{self}: takes a value and its mask, found {len(shapes)} inputs")
        x, mask = shapes
        if x is None or mask is None:
            return (x,)
        if len(mask) != 1 or len(x) not in (1, 2) or x[0] != mask[0]:
            raise ShapeError(
                f"{self}: a value of shape {x} has a mask of shape {x[:1] or '(S,)'}, one number "
                f"for each position, found {mask}"
            )
        return (x,)

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(inputs=(1,))

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        size = rows * math.prod(shapes[1])
        return Scratch(flags=(size, 0, 0))  # freed before the delta of the mask is made

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        x, mask = xs
        if len(ops.shape(x)) > 1:
            mask = ops.same(mask, (*ops.shape(mask), 1))
        return (ops.apply("masked", x, mask, attr=self.fill),)

    def describe(self) -> str:
        return f"{self.fill:g}"


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


def _within(mask: Array, axes: int) -> Array:
    """Where a mask is 1, for a value of so many axes."""
    found: Array = mask.real >= 0.5
    return found if mask.ndim == axes else found[..., None]


def _tanh(keys: Array, query: Array) -> Array:
    """tanh(keys + query), an array of its own."""
    e: Array = keys + query[..., None, :]
    return np.tanh(e, out=e)
