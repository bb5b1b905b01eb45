"""What lies in x after a sequence has ended: it may be anything, and is read as 0 where it cannot
be used."""

from __future__ import annotations

from typing import Any, final

import numpy as np

from rnnbp.arrays import is_stream
from rnnbp.bptt.series import BLOCK, Check, Held, series
from rnnbp.numerics import Array


@final
class Padded(Held):
    """x that is read as 0 after the last step of each row that has weight: NaN times a delta of 0
    would be NaN.

    Args:
        last: (B,) the number of that step; −1 for a row without any.
    """

    def __init__(self, x: Held, last: Array) -> None:
        super().__init__(x.array)
        self.last, self.fresh = last, True

    def read(self, span: slice) -> Array:
        found = super().read(span)
        found[np.arange(span.start, span.stop)[:, None] > self.last] = 0
        return found

    again = read


AT_ONE_LOOK = 2**26
"""Elements of an array that are checked by one call, which Ctrl-C does not interrupt."""


def checked(x: Held, check: Check, dtype: np.dtype[Any], mask: Any) -> Held:
    """x after all its values have been checked; as ``Padded`` where what is wrong with them has no
    effect.

    Raises what ``check`` raises.
    """
    try:
        if x.dtype == dtype and not x.mapped and not x.fresh and x.array.size <= AT_ONE_LOOK:
            check(x.array, 0)  # which makes no array
        else:
            x.check(check)
    except (ValueError, IndexError):
        if mask is None or is_stream(mask):
            raise
        weights = series("mask", mask)
        if not isinstance(weights, Held) or (weights.steps, *weights.shape) != (x.steps, *x.shape[:1]):
            raise
        x = Padded(x, _last_weighted(weights))
        x.check(check)
    return x


def _last_weighted(mask: Held) -> Array:
    """For each row of a mask (T, B) its last step of weight above 0, or −1."""
    rows, last = max(1, BLOCK // max(1, mask.shape[0])), np.full(mask.shape[0], -1)
    for start in range(0, mask.steps, rows):
        some = mask.read(slice(start, min(start + rows, mask.steps))) > 0
        at = start + len(some) - 1 - np.argmax(some[::-1], axis=0)
        last = np.where(some.any(axis=0), at, last)
    return last
