"""A layer that puts its inputs side by side."""

from __future__ import annotations

from itertools import accumulate
from typing import final

import numpy as np

from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps
from rnnbp.layers.primitives import Primitives
from rnnbp.numerics import (
    Array,
    Saved,
    Shape,
    ShapeError,
    mismatch,
    positive_int,
    require_features,
)


@final
class Concat(Layer):
    """The inputs side by side along the last axis. Keeps nothing: the sizes are the layer's own.

    Args:
        sizes: the size of each input.
        name: its name in ``repr`` and errors.

    Shapes: x_k (..., sizes[k]) → y (..., Σ sizes).

    >>> import numpy as np, rnnbp as rb
    >>> rb.Concat(2, 1)(np.zeros((5, 2)), np.ones((5, 1))).shape
    (5, 3)
    """

    spare = (0, 0, 0)
    passes = True

    def __init__(self, *sizes: int, name: str | None = None) -> None:
        super().__init__(name=name)
        self.params = {}
        if len(sizes) < 2:
            raise ValueError(
                "Concat: give the size of each input, of two or more, as Concat(2, 3); found "
                f"{sizes}"
            )
        self.sizes = tuple([positive_int("Concat: size", n) for n in sizes])

    def forward(self, *xs: Array) -> tuple[Array, Saved]:
        self._check_count(len(xs))
        for k, (x, n) in enumerate(zip(xs, self.sizes, strict=True)):
            require_features(self, x, (n,), f"input {k}")
        return np.concatenate(xs, axis=-1), ()

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps()

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.concat(*xs),)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        return tuple(np.split(dy, list(accumulate(self.sizes[:-1])), axis=-1))

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        self._check_count(len(shapes))
        for k, (shape, n) in enumerate(zip(shapes, self.sizes, strict=True)):
            if shape is not None and shape != (n,):
                raise ShapeError(mismatch(self, (n,), shape, f"input {k}"))
        return ((sum(self.sizes),),)

    def _check_count(self, found: int) -> None:
        if found != len(self.sizes):
            raise ShapeError(
                f"{self}: joins {len(self.sizes)} inputs, found {found}; name as many sizes as "
                "inputs"
            )

    def describe(self) -> str:
        return ", ".join(map(str, self.sizes))
