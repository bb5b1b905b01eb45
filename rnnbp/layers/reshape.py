"""Layers that arrange the features in other axes. Views where NumPy can."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

import numpy as np

from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps
from rnnbp.layers.primitives import Primitives
from rnnbp.numerics import Array, Saved, Shape, ShapeError, mismatch, positive_int, require_features


def shape_only(x: Array) -> Array:
    """An array of no bytes, (*x.shape, 0), by which a layer keeps a shape that it cannot know."""
    return np.empty((*x.shape, 0), np.uint8)


@final
class Reshape(Layer):
    """Features of ``from_shape`` as features of ``to_shape``, in C order. Keeps nothing.

    Args:
        from_shape: feature shape of the input, or a size.
        to_shape: feature shape of the output, or a size.
        name: its name in ``repr`` and errors.

    Shapes: x (..., *from_shape) → y (..., *to_shape).

    Raises ValueError for shapes of different numbers of elements.

    >>> import numpy as np, rnnbp as rb
    >>> rb.Reshape(12, (3, 4))(np.zeros((5, 12))).shape
    (5, 3, 4)
    """

    spare = (0, 0, 0)
    view = True

    def __init__(
        self,
        from_shape: int | Sequence[int],
        to_shape: int | Sequence[int],
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.params = {}
        self.from_shape = as_shape("Reshape: from_shape", from_shape)
        self.to_shape = as_shape("Reshape: to_shape", to_shape)
        n_in, n_out = math.prod(self.from_shape), math.prod(self.to_shape)
        if n_in != n_out:
            raise ValueError(
                f"Reshape: from_shape {self.from_shape} has {n_in} elements, to_shape "
                f"{self.to_shape} has {n_out}; give shapes of as many elements"
            )

    def forward(self, x: Array) -> tuple[Array, Saved]:
        require_features(self, x, self.from_shape)
        return x.reshape(*x.shape[: x.ndim - len(self.from_shape)], *self.to_shape), ()

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps()

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        (shape,) = self.output_shapes(ops.shape(xs[0]))
        return (ops.same(xs[0], shape or ()),)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        return (dy.reshape(*dy.shape[: dy.ndim - len(self.to_shape)], *self.from_shape),)

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        if len(shapes) != 1:
            raise ShapeError(
                f"{self}: reshapes one input, found {len(shapes)}; reshape each separately"
            )
        if shapes[0] not in (None, self.from_shape):
            raise ShapeError(mismatch(self, self.from_shape, shapes[0] or ()))
        return (self.to_shape,)

    def describe(self) -> str:
        return f"{self.from_shape}, {self.to_shape}"


def as_shape(what: str, sizes: int | Sequence[int]) -> Shape:
    """``sizes`` as a tuple, an int as one axis. Raises ValueError for none, or a size below 1."""
    shape = tuple(sizes) if isinstance(sizes, Sequence) else (sizes,)
    if not shape:
        raise ValueError(f"{what} is empty; give the size of at least one axis")
    return tuple([positive_int(what, n) for n in shape])
