"""The first number of an array that is not finite."""

from __future__ import annotations

import math

from rnnbp import numerics
from rnnbp.machine import arrays
from rnnbp.machine.availability import chosen
from rnnbp.numerics import Array

LARGE = 2**14
"""Elements from which on calling machine code is faster than NumPy."""


def first_bad(x: Array) -> tuple[int, ...] | None:
    """The index of the first value of ``x`` that is NaN or infinite; None if all are finite."""
    # One pass that writes nothing: a sum of squares is finite only if every number is. If it is
    # not, numbers may just be large; NumPy then looks at each, which in a healthy run never
    # happens.
    if x.size >= LARGE and chosen() and arrays.takes(x) and math.isfinite(arrays.squares(x)):
        return None
    return numerics.first_bad(x)
