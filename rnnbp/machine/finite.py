"""The first number of an array that is not finite."""

from __future__ import annotations

from rnnbp import numerics
from rnnbp.machine import arrays
from rnnbp.machine.availability import chosen
from rnnbp.numerics import Array

LARGE = 2**14
"""Elements from which on calling machine code is faster than NumPy."""


def first_bad(x: Array) -> tuple[int, ...] | None:
    """The index of the first value of ``x`` that is NaN or infinite; None if all are finite."""
    # One pass that writes nothing. NumPy looks for the place, which in a healthy run never happens.
    if x.size >= LARGE and chosen() and arrays.takes(x) and arrays.finite(x):
        return None
    return numerics.first_bad(x)
