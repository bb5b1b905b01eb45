"""Layers of two or more inputs of one size, and their products."""

from __future__ import annotations

import math
from functools import reduce
from typing import final

from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps, Scratch
from rnnbp.layers.primitives import Primitives
from rnnbp.numerics import (
    Array,
    Saved,
    Shape,
    ShapeError,
)


class Merge(Layer):
    """Several inputs of one shape, one output of the same shape, no parameters."""

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.params: dict[str, Array] = {}

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        if len(shapes) < 2:
            raise ShapeError(
                f"{self}: merges at least 2 inputs, found {len(shapes)}; call it on all of them at "
                "once"
            )
        known = [shape for shape in shapes if shape is not None]
        for k, shape in enumerate(known[1:], start=1):
            if shape != known[0]:
                axis = next(
                    (
                        -a
                        for a in range(1, min(len(shape), len(known[0])) + 1)
                        if shape[-a] != known[0][-a]
                    ),
                    0,
                )
                raise ShapeError(
                    f"{self}: inputs must have one shape, but differ at axis {axis}: "
                    f"expected {known[0]} as input 0, found {shape} as input {k}; "
                    f"{_repeated(known[0], shape)}"
                )
        return (known[0] if known else None,)

    def check(self, xs: tuple[Array, ...]) -> None:
        """Raise ShapeError unless all of ``xs`` have one shape, batch axes included."""
        self.output_shapes(*[x.shape for x in xs])  # a tuple at its size: others wait in free lists


def _repeated(a: Shape, b: Shape) -> str:
    """How two values of these feature shapes come to have one."""
    if (1,) in (a, b) and len(a) == len(b) == 1:
        n = max(*a, *b)
        return f"repeat the one feature v: Concat(*[1] * {n})(*[v] * {n})"
    return "project one with a Dense first"


@final
class Multiply(Merge):
    """y = x_1 ⊙ … ⊙ x_n. Keeps its inputs.

    Args:
        name: its name in ``repr`` and errors.

    Shapes: every x_k (...) → y (...), one shape.

    >>> import numpy as np, rnnbp as rb
    >>> rb.Multiply()(np.array([1.0, 2.0]), np.array([3.0, 4.0])).tolist()
    [3.0, 8.0]
    """

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        return Scratch(inputs=rows * math.prod(shapes[0]) * (len(shapes) > 2))

    def forward(self, *xs: Array) -> tuple[Array, Saved]:
        self.check(xs)
        y = xs[0] * xs[1]
        for x in xs[2:]:
            y *= x
        return y, xs

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(inputs=tuple(range(len(shapes))))

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (reduce(ops.mul, xs),)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        return tuple([self._delta(saved, k, dy) for k in range(len(saved))])

    def _delta(self, saved: Saved, k: int, dy: Array) -> Array:
        # Not y / x_k: an input may be 0.
        for x in saved[:k] + saved[k + 1 :]:
            dy = dy * x
        return dy
