"""Pointwise layers without a curve: the input itself, or times a number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

import numpy as np

from rnnbp.layers.declared import Keeps
from rnnbp.layers.frozen import Check
from rnnbp.layers.pointwise import Activation
from rnnbp.layers.primitives import Primitives
from rnnbp.numerics import Array, Saved, Shape, real_number, reused


@final
class Identity(Activation):
    """y = x. Keeps nothing.

    Args:
        name: its name in ``repr`` and errors.

    Shapes: x (...) → y (...).

    >>> import numpy as np, rnnbp as rb
    >>> rb.Identity()(np.array([1.0, -2.0])).round(4).tolist()
    [1.0, -2.0]
    """

    spare = (0, 0, 0)
    view = True

    def forward(self, x: Array) -> tuple[Array, Saved]:
        return x, ()

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps()

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return xs

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        return (dy,)


@final
class Scale(Activation):
    """y = scale · x + shift, both constants: ``1 - z`` of a symbolic value adds this layer. Keeps
    nothing.

    Args:
        scale: a number.
        shift: a number.
        name: its name in ``repr`` and errors.

    Shapes: x (...) → y (...).

    >>> import numpy as np, rnnbp as rb
    >>> rb.Scale(2.0, shift=1.0)(np.array([1.0, -2.0])).round(4).tolist()
    [3.0, -3.0]
    """

    spare = (0, 0, 0)
    settable: ClassVar[Mapping[str, Check]] = {"scale": real_number, "shift": real_number}

    def __init__(self, scale: float = 1.0, shift: float = 0.0, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.scale, self.shift = (
            real_number("Scale: scale", scale),
            real_number("Scale: shift", shift),
        )

    def forward(self, x: Array) -> tuple[Array, Saved]:
        y = x * self.scale
        return np.add(y, self.shift, out=reused(y)), ()

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps()

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.scale(xs[0], self.scale, self.shift),)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        return (dy * self.scale,)

    def describe(self) -> str:
        return f"{self.scale}, {self.shift}"
