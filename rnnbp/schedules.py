"""Schedules: which chunks are run, kept and run again. Pure data; ``rnnbp.simulate`` checks one without arrays.

A schedule is any re-iterable of actions, as a list; those here are made for a number of chunks. Where
``bptt`` takes a schedule it also takes a function of the number of chunks, as ``lambda n: EveryK(n, 4)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from rnnbp.actions import Action, Advance, Backward, Drop, Load, Record, Store

ScheduleLike: TypeAlias = Iterable[Action] | Callable[[int], Iterable[Action]] | str


def check_counts(chunks: int, k: int = 1) -> None:
    """Raise TypeError or ValueError unless both are integers of at least 1."""
    for name, value in (("chunks", chunks), ("k", k)):
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"a schedule's {name} must be an integer, found {value!r}")
        if value < 1:
            raise ValueError(f"a schedule's {name} must be at least 1, found {value}")


@dataclass(frozen=True)
class All:
    """Everything cached: every chunk is run once, and its tape kept until its deltas are done."""

    chunks: int

    def __post_init__(self) -> None:
        check_counts(self.chunks)

    def __iter__(self) -> Iterator[Action]:
        yield from (Record(n) for n in range(self.chunks))
        yield from (Backward(n) for n in reversed(range(self.chunks)))


@dataclass(frozen=True)
class EveryK:
    """A checkpoint every k chunks; the k tapes of a segment are recomputed from it, the last segment's are not.

    Holds ⌈chunks/k⌉ − 1 slots and k tapes; runs every chunk but those of the last segment twice
    (Chen et al. 2016, arXiv 1604.06174, section 4.1).
    """

    chunks: int
    k: int

    def __post_init__(self) -> None:
        check_counts(self.chunks, self.k)

    def __iter__(self) -> Iterator[Action]:
        starts = range(0, self.chunks, self.k)
        for start in starts[:-1]:
            yield Store(start)
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
    """√N segments: a checkpoint every ⌈√chunks⌉ chunks (Chen et al. 2016), memory and slots O(√N), one rerun."""

    k: int = field(init=False)

    def __post_init__(self) -> None:
        check_counts(self.chunks)
        object.__setattr__(self, "k", math.isqrt(self.chunks - 1) + 1)


NAMED: dict[str, Callable[[int], Iterable[Action]]] = {"all": All, "sqrt": Sqrt}


def resolve(schedule: ScheduleLike, chunks: int) -> Iterable[Action]:
    """The actions that a ``checkpoint`` argument means for this number of chunks."""
    if isinstance(schedule, str):
        if schedule not in NAMED:
            raise ValueError(f"checkpoint {schedule!r} is unknown; use {', '.join(map(repr, NAMED))} or a schedule")
        schedule = NAMED[schedule]
    found = schedule(chunks) if callable(schedule) else schedule
    if not isinstance(found, Iterable) or isinstance(found, Iterator):
        raise TypeError(f"a schedule is a re-iterable of actions, as a list, found {type(found).__name__}")
    return found
