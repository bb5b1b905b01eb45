"""Values left out by a mask."""

from __future__ import annotations

import math
from typing import final

import numpy as np

from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps, Scratch
from rnnbp.layers.primitives import Primitives
from rnnbp.numerics import Array, Saved, Shape, ShapeError


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


def _within(mask: Array, axes: int) -> Array:
    """Where a mask is 1, for a value of so many axes."""
    found: Array = mask.real >= 0.5
    return found if mask.ndim == axes else found[..., None]
