"""Layers that add and subtract their inputs."""

from __future__ import annotations

from functools import reduce
from typing import final

from rnnbp.layers.declared import Keeps
from rnnbp.layers.merge import Merge
from rnnbp.layers.primitives import Primitives
from rnnbp.numerics import (
    Array,
    Saved,
    Shape,
    ShapeError,
    whole_number,
)


@final
class Add(Merge):
    """y = x_1 + … + x_n. Keeps nothing.

    Args:
        n_inputs: n ≥ 2.
        name: its name in ``repr`` and errors.

    Shapes: every x_k (...) → y (...), one shape.

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
        y = xs[0] + xs[1]
        for x in xs[2:]:
            y += x
        return y, ()

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps()

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (reduce(ops.add, xs),)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        return (dy,) * self.n_inputs

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
class Subtract(Merge):
    """y = a − b. Keeps nothing.

    Args:
        name: its name in ``repr`` and errors.

    Shapes: a (...), b (...) → y (...), one shape.

    >>> import numpy as np, rnnbp as rb
    >>> rb.Subtract()(np.array([1.0, 2.0]), np.array([3.0, 4.0])).tolist()
    [-2.0, -2.0]
    """

    spare = (0, 0, 0)

    def forward(self, a: Array, b: Array) -> tuple[Array, Saved]:
        self.check((a, b))
        return a - b, ()

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps()

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.sub(*xs),)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        return dy, -dy

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        if len(shapes) != 2:
            raise ShapeError(
                f"{self}: takes 2 inputs, found {len(shapes)}; nest differences of more"
            )
        return super().output_shapes(*shapes)
