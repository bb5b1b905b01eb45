"""The first number of an array that is not finite: NumPy's, but large arrays are looked at by machine code before."""

from __future__ import annotations

import math

from rnnbp import numerics
from rnnbp.machine import arrays
from rnnbp.machine.availability import chosen
from rnnbp.numerics import Array

LARGE = 2**14
"""Numbers that are worth the call of machine code."""


def first_bad(x: Array) -> tuple[int, ...] | None:
    """The index of the first value of ``x`` that is NaN or infinite; None if all are finite."""
    if x.size >= LARGE and chosen() and arrays.takes(x) and math.isfinite(arrays.squares(x)):
        return None
    return numerics.first_bad(x)
