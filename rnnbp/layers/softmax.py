"""Softmax over the last axis, and its logarithm."""

from __future__ import annotations

from typing import final

import numpy as np

from rnnbp.layers.base import Keeps
from rnnbp.layers.pointwise import Activation
from rnnbp.layers.primitives import Primitives
from rnnbp.numerics import Array, Saved, Shape


@final
class Softmax(Activation):
    """y = eˣ / Σ eˣ over the last axis. Keeps its output. Before a cross-entropy use losses.CrossEntropy alone.

    Shapes: x (..., n) → y (..., n).
    """

    spare = (1.5, 1.5, 0)

    def forward(self, x: Array) -> tuple[Array, Saved]:
        y: Array = np.exp(_below_top(x))
        y /= y.sum(axis=-1, keepdims=True)
        return y, (y,)

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(outputs=(0,))

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...] | None:
        return (ops.softmax(*xs),) if len(ops.shape(xs[0])) == 1 else None

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        (y,) = saved
        return (y * (dy - (dy * y).sum(axis=-1, keepdims=True)),)


@final
class LogSoftmax(Activation):
    """y = x − log Σ eˣ over the last axis. Keeps its output.

    Shapes: x (..., n) → y (..., n).
    """

    spare = (2.5, 2.5, 0)

    def forward(self, x: Array) -> tuple[Array, Saved]:
        below = _below_top(x)
        y: Array = below - np.log(np.exp(below).sum(axis=-1, keepdims=True))
        return y, (y,)

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(outputs=(0,))

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        return (dy - np.exp(saved[0]) * dy.sum(axis=-1, keepdims=True),)


def _below_top(x: Array) -> Array:
    """x − max x: no overflow in exp, and no digits lost to a large log Σ exp added and taken away."""
    below: Array = x - x.real.max(axis=-1, keepdims=True)
    return below
