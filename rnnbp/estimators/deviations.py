"""Deviations of numbers of any size."""

from __future__ import annotations

import numpy as np

from rnnbp.numerics import Array


def root_mean_square(differences: Array, weight: Array | None = None) -> Array:
    """The root of the mean square of each column of (n, k), weighted by (n,) or not.

    Squares of numbers beyond 1e±154 are infinite or 0, so that a power of 2, which rounds nothing,
    is taken out before.
    """
    _, exponent = np.frexp(np.abs(differences).max(axis=0))
    unit = np.ldexp(1.0, exponent - 1)
    mean = np.average((differences / unit) ** 2, axis=0, weights=weight)
    found: Array = unit * np.sqrt(mean)
    return found
