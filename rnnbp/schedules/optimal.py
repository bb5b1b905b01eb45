"""The two-table optimum: the fewest steps for checkpoints and tapes in one memory.

A checkpoint takes one unit and the tape of a chunk ``alpha`` units, kept or not as is best at each
place (the mixed policy of Gruslys et al. 2016, arXiv 1606.03401), and on the last traversal of an
interval the unit of its start state is released and used. A(t, m): the start state occupies one of
m units and may be released. B(t, m): it is free, in a tape or in a slot that has been counted.

    A(0, ·) = B(0, ·) = 0
    B(t, m) = min{ t(t + 1)/2; y + A(t − y, m) + B(y, m); y + B(t − y, m − α) + B(y − 1, m) }
    A(t, m) = min{ t(t + 1)/2; y + A(t − y, m − 1) + A(y, m); y + B(t − y, m − 1 − α) + A(y − 1, m);
                   1 + B(t − 1, m − α) }

where a term needs its units not to be negative, and 1 for those of an A. A tape that goes backward
at once is the workspace of every schedule, and takes no unit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rnnbp.actions import Action
from rnnbp.schedules.declared import GREEN, Holds, Marker, Room
from rnnbp.schedules.hulls import Table, Way, grow, nbytes, released
from rnnbp.schedules.sized import SizedSchedule
from rnnbp.schedules.walk import Cut, walk
from rnnbp.support.reprs import counted


@dataclass(frozen=True)
class Optimal(SizedSchedule):
    """The fewest chunks run where slots and kept tapes take at most ``units`` units.

    Args:
        chunks: chunks of the sequence.
        units: units at once; a slot takes one.
        alpha: units of a tape.

    >>> import rnnbp as rb
    >>> rb.simulate(rb.schedules.Optimal(10, 8, 2)).steps_rerun >= 0
    True
    """

    label: ClassVar[str] = "optimal"
    marker: ClassVar[Marker] = Marker("p", GREEN)

    chunks: int
    units: int
    alpha: int

    if TYPE_CHECKING:  # what a dataclass makes, and chunks may be left out

        def __init__(self, chunks: int = ..., units: int = ..., alpha: int = ...) -> None: ...

    @property
    def steps(self) -> int:
        """Chunks run, reruns included: A(t, m)."""
        return cost(self.chunks, self.units, self.alpha)

    @property
    def table_units(self) -> int:
        return self.units

    @property
    def table_bytes(self) -> int:
        return nbytes(2, self.units, self.chunks)

    @property
    def holds(self) -> Holds:
        """As if all units were slots: a tape takes no more than its units."""
        return Holds(self.units)

    @property
    def title(self) -> str:
        return f"optimum, {counted(self.units, 'unit')}"

    @classmethod
    def choices(cls, room: Room) -> Iterator[SizedSchedule]:
        units = min(room.units, room.chunks * (room.alpha + 1))
        if units >= 1 and room.chunks * units <= room.tables:
            yield cls(room.chunks, units, room.alpha)

    def __iter__(self) -> Iterator[Action]:
        held, free = _tables(self.chunks, self.units, self.alpha)

        def cut(length: int, units: int, own: bool) -> Cut:
            return (held if own else free)[units].cut(length)

        with released(held, free):
            yield from walk(self.chunks, self.units, cut)


def cost(chunks: int, units: int, alpha: int) -> int:
    """A(t, m): the chunks run in all."""
    held, free = _tables(chunks, units, alpha)
    with released(held, free):
        return held[units].cost(chunks)


def _tables(chunks: int, units: int, alpha: int) -> tuple[list[Table], list[Table]]:
    """A and B by units, as far as A(chunks, units) needs them. A(·, 0) is never asked for."""
    held, free = [[Table() for _ in range(units + 1)] for _ in range(2)]
    for m in range(1, units + 1):
        free[m].ways.append(Way(held[m], free[m], tape=False, units=m))
        if m >= 2:
            held[m].ways.append(Way(held[m - 1], held[m], tape=False, units=m - 1))
        if m >= 1 + alpha:
            held[m].ways.append(Way(free[m - 1 - alpha], held[m], tape=True, units=m - 1 - alpha))
        if m >= alpha:
            held[m].ways.append(Way(free[m - alpha], None, tape=True, units=m - alpha))
            free[m].ways.append(Way(free[m - alpha], free[m], tape=True, units=m - alpha))
    grow([table for pair in zip(held, free, strict=True) for table in pair], held[units], chunks)
    return held, free
