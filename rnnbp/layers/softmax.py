"""Softmax over the last axis, and its logarithm."""

from __future__ import annotations

import math
from typing import final

import numpy as np

from rnnbp.layers.declared import Keeps, Scratch, buffered
from rnnbp.layers.pointwise import Activation
from rnnbp.layers.primitives import Primitives
from rnnbp.numerics import Array, Saved, Shape, reused


@final
class Softmax(Activation):
    """y = eˣ / Σ eˣ over the last axis. Keeps its output. losses.CrossEntropy has its own softmax.

    Args:
        name: its name in ``repr`` and errors.

    Shapes: x (..., n) → y (..., n).

    >>> import numpy as np, rnnbp as rb
    >>> rb.Softmax()(np.zeros((1, 4))).tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """

    def forward(self, x: Array) -> tuple[Array, Saved]:
        below = _below_top(x)
        y: Array = np.exp(below, out=reused(below))
        del below
        y /= y.sum(axis=-1, keepdims=True)
        return y, (y,)

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(outputs=(0,))

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.softmax(*xs),)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        (y,) = saved
        d = dy * y
        np.subtract(dy, d.sum(axis=-1, keepdims=True), out=d)
        d *= y
        return (d,)

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        need = rows * math.prod(shapes[0][:-1]) + buffered(rows * math.prod(shapes[0]))
        return Scratch(need, need)


@final
class LogSoftmax(Activation):
    """y = x − log Σ eˣ over the last axis. Keeps its output.

    Args:
        name: its name in ``repr`` and errors.

    Shapes: x (..., n) → y (..., n).

    >>> import numpy as np, rnnbp as rb
    >>> rb.LogSoftmax()(np.zeros((1, 4))).round(4).tolist()
    [[-1.3863, -1.3863, -1.3863, -1.3863]]
    """

    def forward(self, x: Array) -> tuple[Array, Saved]:
        below = _below_top(x)
        total = np.exp(below).sum(axis=-1, keepdims=True)
        np.log(total, out=total)
        y: Array = np.subtract(below, total, out=reused(below, total))
        return y, (y,)

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(outputs=(0,))

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.apply("log_softmax", *xs),)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        d, total = np.exp(saved[0]), dy.sum(axis=-1, keepdims=True)
        d = np.multiply(d, total, out=reused(d, total))
        return (np.subtract(dy, d, out=reused(d, dy)),)

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        size, lines = rows * math.prod(shapes[0]), rows * math.prod(shapes[0][:-1])
        return Scratch(size + lines, lines + buffered(size))


def _below_top(x: Array) -> Array:
    """x − max x: exp does not overflow, and a large log Σ exp costs no digits."""
    below: Array = x - x.real.max(axis=-1, keepdims=True)
    return below
