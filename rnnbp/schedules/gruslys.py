"""The policies of memory-efficient BPTT (Gruslys et al. 2016, arXiv 1606.03401).

C(t, m) is the number of steps run for t steps in a memory of m, and y is where to keep something next:

    HSM, states only      C(t, m) = min over 1 ≤ y < t of y + C(t − y, m − 1) + C(y, m)
    ISM, internals only   C(t, m) = min over 1 ≤ y ≤ t of y + C(t − y, m − 1) + C(y − 1, m)
    MSM, both             the least of y + C(t − y, m − 1) + C(y, m) and y + C(t − y, m − α) + C(y − 1, m)

with C(0, ·) = 0, C(t, 1) = t(t + 1)/2. The internals of a chunk are its tape. It holds the state that the
chunk ends in, so a forward run starts again from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnnbp.actions import Action
from rnnbp.schedules.base import check_counts
from rnnbp.schedules.binomial import Revolve, extra, split
from rnnbp.schedules.hulls import Table, Way, grow, released
from rnnbp.schedules.unsized import SizedSchedule
from rnnbp.schedules.walk import Cut, walk


@dataclass(frozen=True)
class HSM(Revolve):
    """Hidden state memorisation: its recurrence is that of binomial checkpointing plus t, and so is its schedule."""


@dataclass(frozen=True)
class ISM(SizedSchedule):
    """Internal state memorisation: at most a number of tapes, and a slot for the initial state alone."""

    chunks: int
    internals: int

    if TYPE_CHECKING:  # what a dataclass makes, and chunks may be left out

        def __init__(self, chunks: int = ..., internals: int = ...) -> None: ...

    def __post_init__(self) -> None:
        check_counts(self.chunks, internals=self.internals)

    @property
    def steps(self) -> int:
        """Chunks run, reruns included."""
        return ism_cost(self.chunks, self.internals)

    def __iter__(self) -> Iterator[Action]:
        return walk(self.chunks, self.internals, _ism_cut)


def ism_cost(chunks: int, internals: int) -> int:
    """C(t, m) = p(t + 1, m): with t + 1 for t, the recurrence of ISM is that of p in ``binomial``."""
    return extra(chunks + 1, internals)


def _ism_cut(length: int, internals: int, held: bool) -> Cut:
    return Cut(length if internals == 1 else split(length + 1, internals), True, internals - 1)


@dataclass(frozen=True)
class MSM(SizedSchedule):
    """Mixed memorisation: a checkpoint takes one unit, the initial state's too, and a kept tape ``alpha``."""

    chunks: int
    units: int
    alpha: int

    if TYPE_CHECKING:  # what a dataclass makes, and chunks may be left out

        def __init__(self, chunks: int = ..., units: int = ..., alpha: int = ...) -> None: ...

    def __post_init__(self) -> None:
        check_counts(self.chunks, units=self.units, alpha=self.alpha)

    @property
    def steps(self) -> int:
        """Chunks run, reruns included."""
        return msm_cost(self.chunks, self.units, self.alpha)

    def __iter__(self) -> Iterator[Action]:
        tables = _msm_tables(self.chunks, self.units, self.alpha)
        with released(tables):
            yield from walk(self.chunks, self.units, lambda length, units, held: tables[units].cut(length))


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
