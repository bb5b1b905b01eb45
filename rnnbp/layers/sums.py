"""Layers that add and subtract their inputs."""

from __future__ import annotations

from functools import reduce
from typing import final

import numpy as np

from rnnbp.layers.declared import Keeps, Scratch, buffered
from rnnbp.layers.merge import Merge, Pair, extent, kept_widths, repeats, summed, widths
from rnnbp.layers.primitives import Primitives
from rnnbp.numerics import Array, Saved, Shape, ShapeError, whole_number


@final
class Add(Merge):
    """y = x_1 + … + x_n. Keeps nothing.

    Args:
        n_inputs: n ≥ 2.
        name: its name in ``repr`` and errors.

    Shapes: every x_k (...) → y (...), one shape, where a last axis of 1 is repeated.

    >>> import numpy as np, rnnbp as rb
    >>> rb.Add()(np.array([1.0, 2.0]), np.array([3.0, 4.0])).tolist()
    [4.0, 6.0]
    """

    spare = (0, 0, 0)
    passes = True

    def __init__(self, n_inputs: int = 2, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.n_inputs = whole_number("Add: n_inputs", n_inputs, least=2)

    def forward(self, *xs: Array) -> tuple[Array, Saved]:
        self.check(xs)
        alike = len({x.shape for x in xs}) == 1
        terms = xs if alike else sorted(xs, key=lambda x: -x.shape[-1])
        y = terms[0] + terms[1]
        for x in terms[2:]:
            y += x
        return y, () if alike else (widths(*xs),)

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(extras=kept_widths(*shapes))

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        return Scratch(buffered(extent(rows, *shapes))) if repeats(*shapes) else Scratch()

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (reduce(ops.add, xs),)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        if not saved:
            return (dy,) * self.n_inputs
        return tuple([summed(dy, n) for n in saved[0].shape[-self.n_inputs :]])

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        if len(shapes) not in (1, self.n_inputs):
            raise ShapeError(
                f"{self}: adds {self.n_inputs} inputs, found {len(shapes)}; build "
                f"Add({len(shapes)})"
            )
        return super().output_shapes(*shapes)

    def describe(self) -> str:
        return "" if self.n_inputs == 2 else f"{self.n_inputs}"


@final
class Subtract(Pair):
    """y = a − b. Keeps nothing.

    Args:
        name: its name in ``repr`` and errors.

    Shapes: a (...), b (...) → y (...), one shape, where a last axis of 1 is repeated.

    >>> import numpy as np, rnnbp as rb
    >>> rb.Subtract()(np.array([1.0, 2.0]), np.array([3.0, 4.0])).tolist()
    [-2.0, -2.0]
    """

    spare = (0, 0, 0)

    def forward(self, a: Array, b: Array) -> tuple[Array, Saved]:
        self.check((a, b))
        return a - b, () if a.shape == b.shape else (widths(a, b),)

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(extras=kept_widths(*shapes))

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        return Scratch(buffered(extent(rows, *shapes))) if repeats(*shapes) else Scratch()

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.sub(*xs),)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        if not saved:
            return dy, -dy
        a, b = saved[0].shape[-2:]
        below = summed(dy, b)
        negative = np.negative(below, out=None if below is dy else below)
        return summed(dy, a), negative
