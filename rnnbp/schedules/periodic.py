"""Schedules of one rerun at most: everything cached, every k chunks, √N segments."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from rnnbp.actions import TIERS, Action, Advance, Backward, Drop, Load, Record, Store, Tier
from rnnbp.schedules.declared import GREY, ORANGE, Holds, Marker, Room, powers_of_2, spacings
from rnnbp.schedules.sized import SizedSchedule


@dataclass(frozen=True)
class All(SizedSchedule):
    """Everything cached: every chunk is run once, and its tape kept until its deltas are done.

    Args:
        chunks: chunks of the sequence.

    >>> import rnnbp as rb
    >>> found = rb.simulate(rb.schedules.All(10))
    >>> found.steps_rerun, found.peak_tapes
    (0, 10)
    """

    label: ClassVar[str] = "all"
    marker: ClassVar[Marker] = Marker("o", GREY)
    title: ClassVar[str] = "all cached"

    chunks: int

    if TYPE_CHECKING:  # what a dataclass makes, and chunks may be left out

        def __init__(self, chunks: int = ...) -> None: ...

    @property
    def steps(self) -> int:
        """Chunks run, reruns included: each once."""
        return self.chunks

    @property
    def holds(self) -> Holds:
        return Holds(tapes=self.chunks)

    @classmethod
    def choices(cls, room: Room) -> Iterator[SizedSchedule]:
        yield cls(room.chunks)

    def __iter__(self) -> Iterator[Action]:
        yield from (Record(n) for n in range(self.chunks))
        yield from (Backward(n) for n in reversed(range(self.chunks)))


@dataclass(frozen=True)
class EveryK(SizedSchedule):
    """A checkpoint every k chunks, from which the k tapes of a segment are recomputed.

    The last segment needs no recomputing.

    Holds ⌈chunks/k⌉ − 1 slots of ``tier`` and k tapes; runs every chunk but those of the last
    segment twice (Chen et al. 2016, arXiv 1604.06174, section 4.1).

    Args:
        chunks: chunks of the sequence.
        k: chunks of a segment.
        tier: "ram" or "disk", where the slots are.

    >>> import rnnbp as rb
    >>> found = rb.simulate(rb.schedules.EveryK(10, 5))
    >>> found.peak_slots, found.peak_tapes, found.steps_rerun
    (1, 5, 5)
    """

    label: ClassVar[str] = "every-k"
    marker: ClassVar[Marker] = Marker("s", ORANGE)

    chunks: int
    k: int
    tier: Tier = "ram"

    if TYPE_CHECKING:  # what a dataclass makes, and chunks may be left out

        def __init__(self, chunks: int = ..., k: int = ..., tier: Tier = ...) -> None: ...

    @property
    def steps(self) -> int:
        """Chunks run, reruns included: twice each but for the last segment."""
        return self.chunks + (math.ceil(self.chunks / self.k) - 1) * self.k

    @property
    def holds(self) -> Holds:
        stored = math.ceil(self.chunks / self.k) - 1
        if self.tier == "ram":
            return Holds(stored, self.k)
        return Holds(0, self.k, disk=stored, moved=stored)

    @property
    def parameters(self) -> str:
        return f"k={self.k}"

    @property
    def title(self) -> str:
        name = "every chunk" if self.k == 1 else f"every {self.k} chunks"
        return name if self.tier == "ram" else f"{name}, on disk"

    @classmethod
    def choices(cls, room: Room) -> Iterator[SizedSchedule]:
        for k in spacings(room.chunks):
            yield cls(room.chunks, k)

    @classmethod
    def planned(cls, room: Room) -> Iterator[SizedSchedule]:
        if room.slots < 1:
            return
        for tier in TIERS if room.disk else TIERS[:1]:
            for k in powers_of_2(room.chunks):
                yield cls(room.chunks, k, tier)

    def __iter__(self) -> Iterator[Action]:
        starts = range(0, self.chunks, self.k)
        for start in starts[:-1]:
            yield Store(start, self.tier)
            yield from (Advance(n) for n in range(start, start + self.k))
        yield from self._reverse(starts[-1])
        for start in reversed(starts[:-1]):
            yield Load(start)
            yield Drop(start)
            yield from self._reverse(start)

    def _reverse(self, start: int) -> Iterator[Action]:
        segment = range(start, min(start + self.k, self.chunks))
        yield from (Record(n) for n in segment)
        yield from (Backward(n) for n in reversed(segment))


@dataclass(frozen=True)
class Sqrt(EveryK):
    """√N segments: a checkpoint every ⌈√chunks⌉ chunks, slots and tapes O(√N), one rerun.

    Chen et al. 2016.

    Args:
        chunks: chunks of the sequence.
        tier: "ram" or "disk", where the slots are.

    >>> import rnnbp as rb
    >>> found = rb.simulate(rb.schedules.Sqrt(100))
    >>> found.peak_slots, found.peak_tapes
    (9, 10)
    """

    label: ClassVar[str] = "sqrt"
    marker: ClassVar[Marker] = Marker("D", ORANGE)

    k: int = field(init=False)

    if TYPE_CHECKING:  # what a dataclass makes, and chunks may be left out

        def __init__(self, chunks: int = ..., tier: Tier = ...) -> None: ...

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "k", math.isqrt(self.chunks - 1) + 1)

    @classmethod
    def choices(cls, room: Room) -> Iterator[SizedSchedule]:
        yield cls(room.chunks)

    @classmethod
    def planned(cls, room: Room) -> Iterator[SizedSchedule]:
        """None: it is an ``EveryK``."""
        return iter(())
