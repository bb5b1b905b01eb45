"""The policies of memory-efficient BPTT (Gruslys et al. 2016, arXiv 1606.03401).

C(t, m) is the number of steps run for t steps in a memory of m, and y is where to keep something
next:

    HSM, states only      C(t, m) = min over 1 ≤ y < t of y + C(t − y, m − 1) + C(y, m)
    ISM, internals only   C(t, m) = min over 1 ≤ y ≤ t of y + C(t − y, m − 1) + C(y − 1, m)
    MSM, both             the least of y + C(t − y, m − 1) + C(y, m) and y + C(t − y, m − α) + C(y −
    1, m)

with C(0, ·) = 0, C(t, 1) = t(t + 1)/2. The internals of a chunk are its tape. It holds the state
that the chunk ends in, so a forward run starts again from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rnnbp.actions import Action
from rnnbp.schedules.binomial import Revolve, extra, split
from rnnbp.schedules.declared import PURPLE, RED, SKY, Holds, Marker, Room
from rnnbp.schedules.hulls import Table, Way, grow, nbytes, released
from rnnbp.schedules.sized import SizedSchedule
from rnnbp.schedules.walk import Cut, walk


@dataclass(frozen=True)
class HSM(Revolve):
    """Hidden state memorisation: the schedule is that of binomial checkpointing.

    Its recurrence is that of binomial checkpointing plus t.

    Gruslys et al. 2016, "Memory-efficient backpropagation through time".

    Args:
        chunks: chunks of the sequence.
        slots: checkpoints at once.

    >>> import rnnbp as rb
    >>> rb.simulate(rb.schedules.HSM(10, 3)).peak_slots
    3
    """

    label: ClassVar[str] = "hsm"
    marker: ClassVar[Marker] = Marker("v", SKY)

    @classmethod
    def planned(cls, room: Room) -> Iterator[SizedSchedule]:
        """None: its schedule is that of ``Revolve``."""
        return iter(())


@dataclass(frozen=True)
class ISM(SizedSchedule):
    """Internal state memorisation: ``internals`` tapes at most; a slot for the initial state alone.

    Gruslys et al. 2016, "Memory-efficient backpropagation through time".

    Args:
        chunks: chunks of the sequence.
        internals: tapes at once.

    >>> import rnnbp as rb
    >>> rb.simulate(rb.schedules.ISM(10, 3)).peak_tapes
    3
    """

    label: ClassVar[str] = "ism"
    marker: ClassVar[Marker] = Marker("P", PURPLE)

    chunks: int
    internals: int

    if TYPE_CHECKING:  # what a dataclass makes, and chunks may be left out

        def __init__(self, chunks: int = ..., internals: int = ...) -> None: ...

    @property
    def steps(self) -> int:
        """Chunks run, reruns included."""
        return ism_cost(self.chunks, self.internals)

    @property
    def holds(self) -> Holds:
        return Holds(1, self.internals)

    @property
    def parameters(self) -> str:
        return f"tapes={self.internals}"

    @classmethod
    def choices(cls, room: Room) -> Iterator[SizedSchedule]:
        if (tapes := min(room.tapes, room.chunks)) >= 1:
            yield cls(room.chunks, tapes)

    @classmethod
    def planned(cls, room: Room) -> Iterator[SizedSchedule]:
        """None: ``Optimal`` runs no more chunks in the same memory."""
        return iter(())

    def __iter__(self) -> Iterator[Action]:
        return walk(self.chunks, self.internals, _ism_cut)


def ism_cost(chunks: int, internals: int) -> int:
    """C(t, m) = p(t + 1, m), by the recurrence of p in ``binomial`` with t + 1 for t."""
    return extra(chunks + 1, internals)


def _ism_cut(length: int, internals: int, held: bool) -> Cut:
    return Cut(length if internals == 1 else split(length + 1, internals), True, internals - 1)


@dataclass(frozen=True)
class MSM(SizedSchedule):
    """Mixed memorisation: a checkpoint takes one unit, as the initial state; a tape ``alpha``.

    Gruslys et al. 2016, "Memory-efficient backpropagation through time".

    Args:
        chunks: chunks of the sequence.
        units: units at once.
        alpha: units of a tape.

    >>> import rnnbp as rb
    >>> found = rb.simulate(rb.schedules.MSM(10, 8, 2))
    >>> found.peak_slots + 2 * found.peak_tapes <= 8 + 2
    True
    """

    label: ClassVar[str] = "msm"
    marker: ClassVar[Marker] = Marker("X", RED)

    chunks: int
    units: int
    alpha: int

    if TYPE_CHECKING:  # what a dataclass makes, and chunks may be left out

        def __init__(self, chunks: int = ..., units: int = ..., alpha: int = ...) -> None: ...

    @property
    def steps(self) -> int:
        """Chunks run, reruns included."""
        return msm_cost(self.chunks, self.units, self.alpha)

    @property
    def table_units(self) -> int:
        return self.units

    @property
    def table_bytes(self) -> int:
        return nbytes(1, self.units, self.chunks)

    @property
    def holds(self) -> Holds:
        """As if all units were slots: a tape takes no more than its units."""
        return Holds(self.units)

    @classmethod
    def choices(cls, room: Room) -> Iterator[SizedSchedule]:
        units = min(room.units, room.chunks * (room.alpha + 1))
        if units >= 1 and room.chunks * units <= room.tables:
            yield cls(room.chunks, units, room.alpha)

    @classmethod
    def planned(cls, room: Room) -> Iterator[SizedSchedule]:
        """None: ``Optimal`` runs no more chunks in the same memory."""
        return iter(())

    def __iter__(self) -> Iterator[Action]:
        tables = _msm_tables(self.chunks, self.units, self.alpha)
        with released(tables):
            yield from walk(
                self.chunks, self.units, lambda length, units, held: tables[units].cut(length)
            )


def msm_cost(chunks: int, units: int, alpha: int) -> int:
    """C(t, m) of the mixed policy."""
    tables = _msm_tables(chunks, units, alpha)
    with released(tables):
        return tables[units].cost(chunks)


def _msm_tables(chunks: int, units: int, alpha: int) -> list[Table]:
    tables = [Table() for _ in range(units + 1)]
    for m in range(2, units + 1):
        tables[m].ways.append(Way(tables[m - 1], tables[m], tape=False, units=m - 1))
        if m > alpha:
            tables[m].ways.append(Way(tables[m - alpha], tables[m], tape=True, units=m - alpha))
    grow(tables, tables[units], chunks)
    return tables
