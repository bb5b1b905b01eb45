"""Values that are not finite, too large for a dtype, or too small for speed."""

from __future__ import annotations

import math

import numpy as np

from rnnbp.numerics.aliases import Array, Dtype
from rnnbp.numerics.errors import NonFiniteError
from rnnbp.support.ieee import within


def cast(array: Array, dtype: Dtype, owner: object, what: str) -> Array:
    """``array`` in ``dtype``. Raises NonFiniteError for a finite number beyond it."""
    if array.dtype == dtype:
        return array
    try:
        return within(np.errstate(all="ignore", over="raise"), array.astype, dtype, copy=False)
    except FloatingPointError:
        at = np.unravel_index(
            np.argmax(np.where(np.isfinite(array), np.abs(array), 0)), array.shape
        )
        raise NonFiniteError(
            f"{owner}: {what} has {array[at]} at {[int(i) for i in at]}, beyond {dtype}; "
            f"scale it, or build the model in float64"
        ) from None


FEW = 10**4
"""Numbers whose squares BLAS sums in a third of the time that other looks at them take."""


def first_bad(x: Array) -> tuple[int, ...] | None:
    """The index of the first value of ``x`` that is NaN or infinite; None if all are finite."""
    if x.dtype.kind not in "fc":
        return None
    if (
        x.dtype.char in "fd"
        and x.size <= FEW
        and x.flags.c_contiguous
        and math.isfinite(np.vdot(x, x))
    ):
        return None  # most of all: no sum of squares of what is not finite is
    parts = (x.real, x.imag) if x.dtype.kind == "c" else (x,)
    if all(
        within(np.errstate(over="ignore", invalid="ignore"), _is_finite, part) for part in parts
    ):
        return None
    return tuple([int(i) for i in np.argwhere(~np.isfinite(x))[0]])


def _is_finite(x: Array) -> bool:
    """True if all of ``x`` is, without an array of its size.

    A finite sum says so; where it has overflowed, minimum and maximum pass NaN on.
    """
    return bool(
        x.size == 0 or np.isfinite(x.sum()) or (np.isfinite(x.min()) and np.isfinite(x.max()))
    )


TOGETHER = 2**14
"""Numbers per pass of ``flush``: its temporary arrays are too small for the ledger."""


def flush(x: Array) -> None:
    """Replace subnormal numbers, with which many processors take ten times as long, by 0."""
    flat, tiny = x.reshape(-1), np.finfo(x.dtype).tiny
    for start in range(0, flat.size, TOGETHER):
        part = flat[start : start + TOGETHER]
        part[np.abs(part) < tiny] = 0
