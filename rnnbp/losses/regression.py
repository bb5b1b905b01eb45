"""Losses of numbers: squares, absolute differences, Huber."""

from __future__ import annotations

from typing import final

import numpy as np

from rnnbp.losses.elementwise import Elementwise
from rnnbp.numerics import Array, real_number


@final
class MeanAbsoluteError(Elementwise):
    """ℓ = |y − t|, derivative 0 at 0. Shapes: y and target (..., n) alike.

    >>> import numpy as np, rnnbp as rb
    >>> value, dy = rb.losses.MeanAbsoluteError()(np.array([[1.0, 4.0]]), np.array([[3.0, 4.0]]))
    >>> value, dy.tolist()
    (1.0, [[-0.5, 0.0]])
    """

    def elements(self, y: Array, target: Array) -> tuple[Array, Array]:
        d = y - target
        sign = np.sign(d.real).astype(y.dtype)
        return sign * d, sign


@final
class Huber(Elementwise):
    """ℓ = ½d² for |d| ≤ δ, else δ(|d| − ½δ), with d = y − t (Huber 1964, "Robust estimation", eq.
    1.1).

    Args:
        delta: δ > 0, in the unit of y.

    With c = d clipped to ±δ that is c(d − ½c), and the derivative is c. Shapes: y and target (...,
    n) alike. Raises ValueError unless 0 < δ < ∞.

    >>> import numpy as np, rnnbp as rb
    >>> value, dy = rb.losses.Huber(1.0)(np.array([[1.0, 4.0]]), np.array([[4.0, 3.5]]))
    >>> value, dy.tolist()
    (1.3125, [[-0.5, 0.25]])
    """

    spare = 3.0
    flags = 1

    def __init__(self, delta: float = 1.0) -> None:
        self.delta = real_number(
            "Huber: delta", delta, above=0, cure="for squares use MeanSquaredError"
        )

    def elements(self, y: Array, target: Array) -> tuple[Array, Array]:
        d = y - target
        inside = np.abs(d.real) <= self.delta
        c = np.where(inside, d, (np.sign(d.real) * self.delta).astype(y.dtype))
        return c * (d - c * 0.5), c

    def describe(self) -> str:
        return f"{self.delta}"
