"""The layer by which a step keeps a state or replaces it."""

from __future__ import annotations

import math
from typing import final

import numpy as np

from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps, Scratch
from rnnbp.layers.primitives import Primitives
from rnnbp.numerics import Array, Saved, Shape, ShapeError

SET = 0.5
"""The least number that sets a flag."""


@final
class Choose(Layer):
    """y = a where the flag is set, else b; without b, 0. Keeps the flag.

    It selects and does not multiply: what is not chosen may be infinite or NaN, and so may its
    delta. Sequences that have ended hold their state by it, and a reset replaces a state.

    Args:
        zero: True to take no b.

    Shapes: flag (..., 1), a (...), b (...) → y (...), a and b of one shape. The flag is a number,
    and set where it is at least ½; its delta is 0.
    """

    def __init__(self, *, zero: bool = False) -> None:
        super().__init__()
        self.params, self.zero = {}, zero

    def forward(self, *xs: Array) -> tuple[Array, Saved]:
        flag, a, *b = xs
        return np.where(_is_set(flag, a.ndim), a, *(b or [np.zeros((), a.dtype)])), (flag,)

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(inputs=(0,))

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        return Scratch(flags=(rows, rows, 0))

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        flag, *given = xs
        shape, name = ops.shape(given[0]), "keep" if self.zero else "choose"
        if len(shape) == 1:
            return (ops.apply(name, *xs),)
        flat = [ops.same(x, (math.prod(shape),)) for x in given]
        return (ops.same(ops.apply(name, flag, *flat), shape),)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        (flag,), zero = saved, np.zeros((), dy.dtype)
        chosen = _is_set(flag, dy.ndim)
        da = np.zeros_like(flag), np.where(chosen, dy, zero)
        return da if self.zero else (*da, np.where(chosen, zero, dy))

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        flag, a, *b = shapes
        if flag not in (None, (1,)) or any(None not in (a, x) and a != x for x in b):
            raise ShapeError(
                f"{self}: takes a flag (1,) and values of one shape, found {shapes}; give it these"
            )
        return (a,)


def _is_set(flag: Array, axes: int) -> Array:
    """Where a flag (..., 1) is set, for values of this many axes."""
    found: Array = flag.real >= SET
    return found.reshape(*flag.shape[:-1], *[1] * (axes - flag.ndim + 1))
