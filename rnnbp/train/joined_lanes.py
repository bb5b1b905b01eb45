"""Lanes of recordings that follow one another: where each begins anew."""

from __future__ import annotations

from bisect import bisect_left
from typing import final

import numpy as np

from rnnbp.numerics import Array


@final
class JoinedLanes:
    """Where recordings begin in lanes that are cut from all of them, one after the other.

    Args:
        starts: the steps of the whole stream at which recordings begin, ascending.
        lane: steps of a lane.
        lanes: their number.
    """

    def __init__(self, starts: list[int], lane: int, lanes: int) -> None:
        self.starts, self.lane, self.lanes = starts, lane, lanes

    def flags(self, steps: slice) -> Array | None:
        """(L, B) True at the first step of a recording; None where there is none.

        Not at the first step of a lane, which begins anew as it is.
        """
        found = np.zeros((steps.stop - steps.start, self.lanes), np.bool_)
        for b in range(self.lanes):
            first = b * self.lane
            low, high = first + max(steps.start, 1), first + steps.stop
            for start in self.starts[
                bisect_left(self.starts, low) : bisect_left(self.starts, high)
            ]:
                found[start - first - steps.start, b] = True
        return found if found.any() else None

    def since(self, steps: slice) -> Array:
        """(L, B) the steps since a recording, or the lane, began: 0 at its first."""
        at = np.arange(steps.start, steps.stop)[:, None] + self.lane * np.arange(self.lanes)
        starts = np.array(self.starts)
        begun = starts[np.searchsorted(starts, at, side="right") - 1]
        found: Array = at - np.maximum(begun, self.lane * np.arange(self.lanes))
        return found

    def longest(self) -> int:
        """The most steps in a lane without a new beginning."""
        ends = sorted({*self.starts, *(b * self.lane for b in range(self.lanes + 1))})
        inside = [end for end in ends if end <= self.lane * self.lanes]
        return int(np.diff(inside).max())
