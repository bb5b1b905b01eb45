"""A layer that makes one axis of several."""

from __future__ import annotations

import math
from typing import final

from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps
from rnnbp.layers.primitives import Primitives
from rnnbp.layers.reshape import shape_only
from rnnbp.numerics import Array, Saved, Shape, ShapeError, positive_int


@final
class Flatten(Layer):
    """The last ``n_axes`` feature axes as one. Keeps the shape of its input, no elements.

    Args:
        n_axes: k ≥ 2.
        name: its name in ``repr`` and errors.

    Shapes: x (..., n_1, …, n_k) → y (..., n_1 · … · n_k), k = ``n_axes``.

    Raises ShapeError for an input of fewer axes.

    >>> import numpy as np, rnnbp as rb
    >>> rb.Flatten(2)(np.zeros((5, 3, 4))).shape
    (5, 12)
    """

    spare = (0, 0, 0)
    view = True

    def __init__(self, n_axes: int = 2, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.params = {}
        self.n_axes = positive_int("Flatten: n_axes", n_axes)

    def forward(self, x: Array) -> tuple[Array, Saved]:
        return x.reshape(self._merged(x.shape)), (shape_only(x),)

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(extras=tuple([((*shape, 0), "uint8") for shape in shapes]))

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        (shape,) = self.output_shapes(ops.shape(xs[0]))
        return (ops.same(xs[0], shape or ()),)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        return (dy.reshape(saved[0].shape[:-1]),)

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        if len(shapes) != 1:
            raise ShapeError(
                f"{self}: flattens one input, found {len(shapes)}; flatten each separately"
            )
        return (None if shapes[0] is None else self._merged(shapes[0]),)

    def _merged(self, shape: Shape) -> Shape:
        if len(shape) < self.n_axes:
            raise ShapeError(
                f"{self}: input needs at least {self.n_axes} axes to merge, found shape {shape}; "
                f"build Flatten({max(len(shape), 1)})"
            )
        return (*shape[: -self.n_axes], math.prod(shape[-self.n_axes :]))

    def describe(self) -> str:
        return f"{self.n_axes}"
