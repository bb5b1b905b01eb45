"""A layer that takes its input apart."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
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
class Split(Layer):
    """One input cut along the last axis into m outputs. Keeps nothing.

    Args:
        sizes: the size of each output, Σ sizes the size of the input.
        name: its name in ``repr`` and errors.

    Shapes: x (..., Σ sizes) → m arrays (..., sizes[k]), views of x.

    >>> import numpy as np, rnnbp as rb
    >>> [part.shape for part in rb.Split(2, 3)(np.zeros((7, 5)))]
    [(7, 2), (7, 3)]
    """

    spare = (0, 1, 0)
    part = True

    def __init__(self, *sizes: int, name: str | None = None) -> None:
        super().__init__(name=name)
        self.params = {}
        if len(sizes) < 2:
            raise ValueError(
                f"Split: give the size of each output, at least 2; found {sizes}; for one, use "
                "Slice"
            )
        self.sizes = tuple([positive_int("Split: part", n) for n in sizes])
        self.n_outputs = len(sizes)

    def forward(self, x: Array) -> tuple[tuple[Array, ...], Saved]:
        require_features(self, x, (sum(self.sizes),))
        ends = [0, *accumulate(self.sizes)]
        return tuple([x[..., a:b] for a, b in pairwise(ends)]), ()

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps()

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return tuple([ops.part(xs[0], a, b) for a, b in pairwise([0, *accumulate(self.sizes)])])

    def backward_inputs(self, saved: Saved, dy: Sequence[Array | None]) -> tuple[Array, ...]:
        given = next(d for d in dy if d is not None)
        parts = [
            np.zeros((*given.shape[:-1], n), given.dtype) if d is None else d
            for d, n in zip(dy, self.sizes, strict=True)
        ]
        return (np.concatenate(parts, axis=-1),)

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        if len(shapes) != 1:
            raise ShapeError(
                f"{self}: splits one input, found {len(shapes)}; split each separately"
            )
        (shape,) = shapes
        if shape is not None and shape != (sum(self.sizes),):
            raise ShapeError(mismatch(self, (sum(self.sizes),), shape))
        return tuple([(n,) for n in self.sizes])

    def describe(self) -> str:
        return ", ".join(map(str, self.sizes))
