"""Rectifiers of two straight lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import ClassVar, final

import numpy as np

from rnnbp.layers.declared import Scratch, buffered
from rnnbp.layers.frozen import Check
from rnnbp.layers.pointwise import Pointwise
from rnnbp.layers.primitives import Primitives
from rnnbp.numerics import Array, Saved, Shape, at_most_zero, positive, real_number


@final
class ReLU(Pointwise):
    """max(x, 0), derivative 0 at 0; NaN stays NaN, and passes its delta. Keeps its output.

    Args:
        name: its name in ``repr`` and errors.

    Shapes: x (...) → y (...).

    >>> import numpy as np, rnnbp as rb
    >>> rb.ReLU()(np.array([1.0, -2.0])).round(4).tolist()
    [1.0, 0.0]
    """

    spare_flags = (1, 1, 0)

    def forward(self, x: Array) -> tuple[Array, Saved]:
        y = np.where(at_most_zero(x), x.dtype.type(0), x)
        return y, (y,)

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.relu(*xs),)

    def derivative(self, saved: Saved) -> Array:
        below = at_most_zero(saved[0])
        return np.logical_not(below, out=below if isinstance(below, np.ndarray) else None)

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        found = super().scratch(rows, *shapes)
        return replace(found, inputs=buffered(found.flags[1]))


_slope = partial(real_number, above=0, cure="for slope 0 use ReLU")


checked_alpha = partial(real_number, above=0, cure="for alpha 0 use ReLU")


@final
class LeakyReLU(Pointwise):
    """x where x > 0, else slope · x (Maas et al. 2013). Keeps its output.

    Args:
        slope: > 0.
        name: its name in ``repr`` and errors.

    Shapes: x (...) → y (...).

    >>> import numpy as np, rnnbp as rb
    >>> rb.LeakyReLU(0.5)(np.array([1.0, -2.0])).round(4).tolist()
    [1.0, -1.0]
    """

    spare, spare_flags = (1, 0, 0), (1, 1, 0)
    settable: ClassVar[Mapping[str, Check]] = {"slope": _slope}

    def __init__(self, slope: float = 0.01, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.slope = _slope("LeakyReLU: slope", slope)

    def forward(self, x: Array) -> tuple[Array, Saved]:
        y = np.where(positive(x), x, x * self.slope)
        return y, (y,)

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.apply("leaky", *xs, attr=self.slope),)

    def derivative(self, saved: Saved) -> Array:
        (y,) = saved
        derivative: Array = np.where(positive(y), y.dtype.type(1), y.dtype.type(self.slope))
        return derivative

    def describe(self) -> str:
        return f"{self.slope}"
