"""Sequences of unknown length: each chunk decides what to store, until the end comes.

Stumm & Walther 2010 and Wang, Moin & Iaccarino 2009 replace checkpoints by fixed patterns. Here
each chunk asks which is the cheapest: the checkpoints as they are, or the present state for one of
them, if the sequence ended soon. What reversal costs then is known: from the last checkpoint to the
first, binomial checkpointing of the interval after it, in its slot and those that are free. With 3
to 50 slots this costs at most 6.2 % more than binomial checkpointing for a length known beforehand,
for all lengths up to 10,000 chunks; with two slots 11 %.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from rnnbp.actions import Action, Advance, Backward, Drop, Load, Record, Store
from rnnbp.schedules.base import check_counts
from rnnbp.schedules.binomial import revolve
from rnnbp.schedules.declared import BLUE, Holds, Marker, Room
from rnnbp.schedules.intervals import Intervals
from rnnbp.schedules.sized import SizedSchedule
from rnnbp.wording.arguments import Named


@dataclass(frozen=True)
class Online(Named):
    """Checkpoints in ``slots`` slots, that of the initial state included, for any number of chunks.

    ``sweep()`` starts a run over chunks that arrive one by one; if their number is known this is
    also a schedule, as ``bptt`` takes it: ``Online(slots)(chunks)`` is what a sweep does for that
    number.

    Args:
        slots: checkpoints at once.

    >>> import rnnbp as rb
    >>> rb.simulate(rb.schedules.Online(3)(10)).peak_slots
    3
    """

    slots: int

    def __post_init__(self) -> None:
        check_counts(1, slots=self.slots)

    def __call__(self, chunks: int) -> Streamed:
        return Streamed(chunks, self.slots)

    def sweep(self) -> Sweep:
        return Sweep(self.slots)


@dataclass(frozen=True)
class Streamed(SizedSchedule):
    """The schedule of ``Online`` for a sequence that turns out to have this number of chunks.

    Args:
        chunks: chunks of the sequence.
        slots: checkpoints at once.

    >>> import rnnbp as rb
    >>> rb.simulate(rb.schedules.Streamed(10, 3)).peak_slots
    3
    """

    label: ClassVar[str] = "online"
    marker: ClassVar[Marker] = Marker("<", BLUE)

    chunks: int
    slots: int

    if TYPE_CHECKING:  # what a dataclass makes, and chunks may be left out

        def __init__(self, chunks: int = ..., slots: int = ...) -> None: ...

    @property
    def steps(self) -> int:
        """Chunks run, reruns included."""
        sweep = Sweep(self.slots)
        for _ in range(self.chunks - 1):
            sweep.forward()
        return sweep.steps

    @property
    def holds(self) -> Holds:
        return Holds(self.slots)

    @classmethod
    def choices(cls, room: Room) -> Iterator[SizedSchedule]:
        if (slots := min(room.slots, room.chunks)) >= 1:
            yield cls(room.chunks, slots)

    @classmethod
    def planned(cls, room: Room) -> Iterator[SizedSchedule]:
        """None: ``Revolve`` runs no more chunks where their number is known."""
        return iter(())

    def __iter__(self) -> Iterator[Action]:
        sweep = Sweep(self.slots)
        for _ in range(self.chunks - 1):
            yield from sweep.forward()
        yield from sweep.end()


@runtime_checkable
class Sweepable(Protocol):
    """A schedule for any number of chunks, also for one that is not known."""

    def sweep(self) -> Sweep:
        """Start a run."""


class KeepingSweep:
    """One run over a sequence whose every tape is kept: ``All`` for an unknown number of chunks."""

    def __init__(self) -> None:
        self.present = 0

    def forward(self) -> list[Action]:
        """The actions for the next chunk, which is not the last."""
        self.present += 1
        return [Record(self.present - 1)]

    def end(self) -> Iterator[Action]:
        """The actions for the next chunk, which is the last, and for the way back."""
        yield Record(self.present)
        yield from (Backward(n) for n in reversed(range(self.present + 1)))


class Sweep:
    """One run over a sequence: each chunk by ``forward``, but the last one by ``end``.

    Args:
        slots: checkpoints at once.

    >>> import rnnbp as rb
    >>> sweep = rb.schedules.Online(3).sweep()
    >>> [type(action).__name__ for action in sweep.forward()]
    ['Store', 'Advance']
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.present = 0
        """The next chunk."""
        self._intervals = Intervals(slots)

    @property
    def stored(self) -> list[int]:
        """The chunks that checkpoints enter."""
        return self._intervals.stored

    def forward(self) -> list[Action]:
        """The actions for the next chunk, which is not the last."""
        n = self.present
        actions: list[Action] = [Advance(n)]
        if len(self._intervals.stored) < self.slots:
            actions.insert(0, Store(n))
            self._intervals.store(n)
        elif (out := self._intervals.replaced(n)) is not None:
            actions[:0] = [Drop(self._intervals.replace(out, n)), Store(n)]
        self.present += 1
        return actions

    def end(self) -> Iterator[Action]:
        """The actions for the next chunk, which is the last, and for the way back."""
        end = self.present
        yield Record(end)
        yield Backward(end)
        for k, start in reversed(list(enumerate(self.stored))):
            yield Load(start)
            yield from revolve(end - start, self.slots - k, start, stored=True)
            end = start

    @property
    def steps(self) -> int:
        """Chunks run in all, reruns included, if the next chunk is the last."""
        return self.present + 1 + self._intervals.reruns(self.present)
