"""Functions of arrays that layers share; each takes complex numbers, for complex steps."""

from __future__ import annotations

import numpy as np

from rnnbp.numerics.aliases import Array
from rnnbp.support.ieee import within


def sigmoid(x: Array) -> Array:
    """σ(x) = 1 / (1 + e⁻ˣ): accurate to the last digit at both ends, and analytic for complex x."""
    if x.dtype.kind == "c":
        above = positive(x)
        small = np.exp(np.where(above, -x, x))
        return np.asarray(np.where(above, 1, small) / (1 + small))
    # e⁻ˣ is infinite where σ is 0.
    return within(np.errstate(over="ignore", under="ignore"), _real_sigmoid, x)


def _real_sigmoid(x: Array) -> Array:
    found: Array = np.asarray(np.negative(x))
    np.exp(found, out=found)
    found += 1
    np.divide(1, found, out=found)
    return found


def reused(x: Array, *others: Array) -> Array | None:
    """``x`` as ``out`` of a ufunc of ``x`` and ``others``; None if that changed the dtype.

    So layers need the same number of temporary arrays at all sizes: NumPy itself reuses only those
    above 256 KiB.
    """
    floats = isinstance(x, np.ndarray) and x.dtype.kind in "fc"
    return x if floats and x.dtype == np.result_type(x, *others) else None


def at_most_zero(x: Array) -> Array:
    """True where the real part is at most zero; False for NaN, so that it propagates."""
    below: Array = x.real <= 0
    return below


def positive(x: Array) -> Array:
    """True where the real part is above zero: the branch that a complex step must not change."""
    above: Array = x.real > 0
    return above
