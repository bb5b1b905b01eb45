"""The layer of a state that moves towards a value by the share that a gate says."""

from __future__ import annotations

from typing import final

from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps
from rnnbp.layers.primitives import Primitives
from rnnbp.numerics import Array, Saved, Shape, ShapeError


@final
class Toward(Layer):
    """y = a + s ⊙ (b − a), as (1 − s) ⊙ a + s ⊙ b. Keeps its inputs.

    Where s is a sigmoid and a and y are a state before and after a step, compiled cells keep s
    alone: the difference of the two states stands for s ⊙ (b − a).

    Shapes: a (...), b (...), s (...) → y (...), one shape.
    """

    spare = (0, 0, 0)

    def __init__(self) -> None:
        super().__init__()
        self.params = {}

    def forward(self, a: Array, b: Array, s: Array) -> tuple[Array, Saved]:
        y: Array = b - a
        y *= s
        y += a
        return y, (a, b, s)

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(inputs=(0, 1, 2))

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.apply("toward", *xs),)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        a, b, s = saved
        moved, gate = dy * s, b - a
        gate *= dy
        return dy - moved, moved, gate

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        if len({shape for shape in shapes if shape is not None}) > 1:
            raise ShapeError(f"{self}: takes three values of one shape, found {shapes}")
        return shapes[:1]
