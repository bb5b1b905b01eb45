"""Binomial checkpointing: the fewest steps within a number of slots.

Griewank & Walther 2000, ACM TOMS Alg. 799.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from rnnbp.actions import Action
from rnnbp.schedules.declared import BLUE, Holds, Marker, Room
from rnnbp.schedules.sized import SizedSchedule
from rnnbp.schedules.walk import Cut, walk
from rnnbp.support.reprs import counted


def reach(slots: int, sweeps: int) -> int:
    """β(s, r) = binom(s + r, s): the most chunks that s slots reverse in r + 1 runs of each."""
    return math.comb(slots + sweeps, slots) if sweeps >= 0 else 0


@lru_cache(maxsize=1 << 12)
def sweeps(chunks: int, slots: int) -> int:
    """r, the least with β(s, r) ≥ n."""
    high = 1
    while reach(slots, high) < chunks:
        high *= 2
    return bisect_left(range(high), chunks, key=lambda r: reach(slots, r))


def extra(chunks: int, slots: int) -> int:
    """p(n, s) = r·n − β(s + 1, r − 1): the least reruns for n chunks in s slots."""
    r = sweeps(chunks, slots)
    return r * chunks - reach(slots + 1, r - 1)


def cost(chunks: int, slots: int) -> int:
    """n + p(n, s): the chunks run in all; the slot of the initial state is among the s."""
    return chunks + extra(chunks, slots)


def split(chunks: int, slots: int) -> int:
    """The least y with p(n, s) = y + p(n − y, s − 1) + p(y, s), for n ≥ 2 and s ≥ 2.

    p(·, s) is convex of slope r between β(s, r − 1) and β(s, r), so the sum is least where the
    slopes of its two parts differ by the one of y: where n − y is within r, and y within r − 1
    sweeps.
    """
    r = sweeps(chunks, slots)
    return max(1, reach(slots, r - 2), chunks - reach(slots - 1, r))


@dataclass(frozen=True)
class Revolve(SizedSchedule):
    """The fewest chunks run with one tape and ``slots`` slots, that of the initial state included.

    Griewank & Walther 2000, "Algorithm 799: revolve".

    Args:
        chunks: chunks of the sequence.
        slots: checkpoints at once.

    >>> import rnnbp as rb
    >>> found = rb.simulate(rb.schedules.Revolve(10, 3))
    >>> found.peak_slots, found.peak_tapes
    (3, 1)
    """

    label: ClassVar[str] = "revolve"
    marker: ClassVar[Marker] = Marker("^", BLUE)

    chunks: int
    slots: int

    if TYPE_CHECKING:  # what a dataclass makes, and chunks may be left out

        def __init__(self, chunks: int = ..., slots: int = ...) -> None: ...

    @property
    def steps(self) -> int:
        """Chunks run, reruns included: n + p(n, s)."""
        return cost(self.chunks, self.slots)

    @property
    def holds(self) -> Holds:
        return Holds(self.slots)

    @property
    def title(self) -> str:
        return f"{self.label}, {counted(self.slots, 'slot')}"

    @classmethod
    def choices(cls, room: Room) -> Iterator[SizedSchedule]:
        if (slots := min(room.slots, room.chunks)) >= 1:
            yield cls(room.chunks, slots)

    def __iter__(self) -> Iterator[Action]:
        return revolve(self.chunks, self.slots)


def revolve(chunks: int, slots: int, first: int = 0, *, stored: bool = False) -> Iterator[Action]:
    """The best schedule for this many chunks from ``first`` on, as ``walk`` takes them."""
    return walk(chunks, slots, _cut, first, stored=stored)


def _cut(length: int, slots: int, held: bool) -> Cut:
    y = length - 1 if slots == 1 else split(length, slots)
    return Cut(length, True, 0) if y == length - 1 else Cut(y, False, slots - 1)
