"""The layer that hands its input on."""

from __future__ import annotations

from typing import final

from rnnbp.layers.declared import Keeps
from rnnbp.layers.pointwise import Activation
from rnnbp.layers.primitives import Primitives
from rnnbp.numerics import Array, Saved, Shape


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
