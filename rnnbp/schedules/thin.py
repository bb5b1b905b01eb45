"""Thin tapes: the states of steps are kept, the internals of a chunk rebuilt at once.

With every h_(t−1) known, the steps of a chunk are feedforward and need not run in turn. So a thin
tape takes no more bytes than its states, and is never paid for with a rerun of its chunk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import TYPE_CHECKING, ClassVar

from rnnbp.actions import TIERS, Action, Backward, Keep, Rebuild, Record, Tier
from rnnbp.schedules.declared import PURPLE, Holds, Marker, Room, powers_of_2, spacings
from rnnbp.schedules.periodic import All, EveryK
from rnnbp.schedules.sized import SizedSchedule


@dataclass(frozen=True)
class ThinTapes(SizedSchedule):
    """Thin tapes of all chunks, or of one segment of k chunks at a time, with a checkpoint of each.

    Args:
        chunks: chunks of the sequence.
        k: chunks of a segment; None for all.
        tier: "ram" or "disk", where the slots are.

    >>> import rnnbp as rb
    >>> rb.simulate(rb.schedules.ThinTapes(10)).peak_thin_tapes  # the last chunk has its tape
    9
    """

    label: ClassVar[str] = "thin"
    marker: ClassVar[Marker] = Marker("h", PURPLE)

    chunks: int
    k: int | None = None
    tier: Tier = "ram"

    if TYPE_CHECKING:  # what a dataclass makes, and chunks may be left out

        def __init__(self, chunks: int = ..., k: int | None = ..., tier: Tier = ...) -> None: ...

    @property
    def _replaying(self) -> All | EveryK:
        return All(self.chunks) if self.k is None else EveryK(self.chunks, self.k, self.tier)

    @property
    def steps(self) -> int:
        """Chunks run, reruns included; rebuilt ones are not among them."""
        return self._replaying.steps

    @property
    def rebuilt(self) -> int:
        """Chunks rebuilt: all but the last of each segment."""
        return self.chunks - -(-self.chunks // (self.k or self.chunks))

    @property
    def holds(self) -> Holds:
        return replace(self._replaying.holds, tapes=1, thin=(self.k or self.chunks) - 1)

    @property
    def parameters(self) -> str:
        return "" if self.k is None else f"k={self.k}"

    @property
    def title(self) -> str:
        return "all states kept" if self.k is None else f"{self._replaying.title}, thin"

    @classmethod
    def choices(cls, room: Room) -> Iterator[SizedSchedule]:
        if room.chunks > 1:
            yield cls(room.chunks)
        # With k = 1 nothing would be kept thin.
        yield from (cls(room.chunks, k) for k in spacings(room.chunks) if k > 1)

    @classmethod
    def planned(cls, room: Room) -> Iterator[SizedSchedule]:
        if room.chunks > 1:
            yield cls(room.chunks)
        if room.slots < 1:
            return
        for tier in TIERS if room.disk else TIERS[:1]:
            for k in powers_of_2(room.chunks, first=2):
                yield cls(room.chunks, k, tier)

    def __iter__(self) -> Iterator[Action]:
        return thin(self._replaying)


def thin(schedule: Iterable[Action]) -> Iterator[Action]:
    """The same schedule with thin tapes in place of all tapes that would wait for their Backward.

    Args:
        schedule: actions.

    Returns:
        An iterator of actions.

    >>> import rnnbp as rb
    >>> [type(action).__name__ for action in rb.schedules.thin(rb.schedules.All(2))]
    ['Keep', 'Record', 'Backward', 'Rebuild', 'Backward']
    """
    kept = set()
    for action, after in pairwise(chain(schedule, [None])):
        match action:
            case Record(n) if after != Backward(n):
                kept.add(n)
                yield Keep(n)
                continue
            case Backward(n) if n in kept:
                yield Rebuild(n)
        if action is not None:
            yield action
