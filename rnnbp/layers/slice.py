"""A layer that keeps a part of its input."""

from __future__ import annotations

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
    whole_number,
)


@final
class Slice(Layer):
    """Features ``start`` to ``stop`` − 1 of an input of size ``n_in``. Keeps nothing.

    Args:
        n_in: size of the input.
        start, stop: 0 ≤ start < stop ≤ n_in.
        name: its name in ``repr`` and errors.

    Shapes: x (..., n_in) → y (..., stop − start), a view of x.

    >>> import numpy as np, rnnbp as rb
    >>> rb.Slice(4, 1, 3)(np.array([0.0, 1.0, 2.0, 3.0])).tolist()
    [1.0, 2.0]
    """

    spare = (0, 0, 0)
    part = True

    def __init__(self, n_in: int, start: int, stop: int, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.params = {}
        self.n_in = positive_int("Slice: n_in", n_in)
        start, stop = (
            whole_number("Slice: start", start, least=0),
            whole_number("Slice: stop", stop, least=1),
        )
        if not start < stop <= n_in:
            raise ValueError(
                f"Slice: needs 0 ≤ start < stop ≤ n_in = {n_in}, found start {start}, stop {stop}"
            )
        self.start, self.stop = start, stop

    def forward(self, x: Array) -> tuple[Array, Saved]:
        require_features(self, x, (self.n_in,))
        return x[..., self.start : self.stop], ()

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps()

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.part(xs[0], self.start, self.stop),)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        dx = np.zeros((*dy.shape[:-1], self.n_in), dy.dtype)
        dx[..., self.start : self.stop] = dy
        return (dx,)

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        if len(shapes) != 1:
            raise ShapeError(
                f"{self}: slices one input, found {len(shapes)}; slice each separately"
            )
        (shape,) = shapes
        if shape is not None and shape != (self.n_in,):
            raise ShapeError(mismatch(self, (self.n_in,), shape))
        return ((self.stop - self.start,),)

    def describe(self) -> str:
        return f"{self.n_in}, {self.start}, {self.stop}"
