"""Checkpoints in two tiers, RAM and disk, where those on disk cost time to write and to read."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from operator import add
from typing import TYPE_CHECKING, ClassVar

from rnnbp.actions import Action, Advance, Drop, Load, Record, Store
from rnnbp.schedules.base import check_count, check_counts
from rnnbp.schedules.binomial import Revolve, cost, revolve
from rnnbp.schedules.declared import BLUE, GREEN, Marker, Room
from rnnbp.schedules.sized import SizedSchedule
from rnnbp.support.reprs import counted

MOST = 1_000
"""Chunks up to which these are searched: tables of ``DiskRevolve`` take time O(chunks²)."""
BUFFERS = 2
"""Checkpoints on their way to the disk or from it, which are in RAM."""


def _ram(room: Room) -> int:
    """Slots in RAM of a schedule in two tiers; 0 where none is to be searched."""
    if not room.disk or not room.tables or room.chunks > MOST:
        return 0
    return max(0, min(room.slots - BUFFERS, room.chunks))


def _on_disk(schedule: SizedSchedule) -> Iterator[SizedSchedule]:
    """The schedule, if it has a checkpoint on disk."""
    if any(isinstance(action, Store) and action.tier == "disk" for action in schedule):
        yield schedule


def _title(schedule: SizedSchedule, ram: int) -> str:
    return f"{type(schedule).__name__}, {counted(ram, 'slot')} and {schedule.holds.disk} on disk"


@dataclass(frozen=True)
class Multistage(SizedSchedule):
    """Binomial checkpointing in ``ram`` + ``disk`` slots: the same steps, few of them on disk.

    Stumm & Walther 2009.

    A slot is one depth of nested checkpoints. Those written and read most are in RAM.

    Args:
        chunks: chunks of the sequence.
        ram, disk: slots of each tier.

    >>> import rnnbp as rb
    >>> rb.simulate(rb.schedules.Multistage(20, 2, 2)).peak_slots_by_tier
    {'ram': 2, 'disk': 2}
    """

    label: ClassVar[str] = "multistage"
    marker: ClassVar[Marker] = Marker(">", BLUE)
    needs_disk: ClassVar[bool] = True

    chunks: int
    ram: int
    disk: int

    if TYPE_CHECKING:  # what a dataclass makes, and chunks may be left out

        def __init__(self, chunks: int = ..., ram: int = ..., disk: int = ...) -> None: ...

    def __post_init__(self) -> None:
        for name, value in (("ram", self.ram), ("disk", self.disk)):
            check_count(name, value, least=0)
        check_counts(self.chunks, slots=self.ram + self.disk)

    @property
    def steps(self) -> int:
        """Chunks run, reruns included."""
        return cost(self.chunks, self.ram + self.disk)

    @property
    def title(self) -> str:
        return _title(self, self.ram)

    @classmethod
    def choices(cls, room: Room) -> Iterator[SizedSchedule]:
        if ram := _ram(room):
            yield from _on_disk(cls(room.chunks, ram, min(room.disk, room.chunks)))

    def __iter__(self) -> Iterator[Action]:
        used: Counter[int] = Counter()
        for depth, action in self._by_depth():
            used[depth] += isinstance(action, Store | Load)
        in_ram = {depth for depth, _ in used.most_common(self.ram)}
        for depth, action in self._by_depth():
            yield (
                replace(action, tier="disk")
                if isinstance(action, Store) and depth not in in_ram
                else action
            )

    def _by_depth(self) -> Iterator[tuple[int, Action]]:
        """Each action, and how many slots are held before that of its checkpoint."""
        depths: dict[int, int] = {}
        for action in Revolve(self.chunks, self.ram + self.disk):
            if isinstance(action, Store):
                depths[action.n] = len(depths)
            yield depths.get(action.n, -1), action
            if isinstance(action, Drop):
                del depths[action.n]


@dataclass(frozen=True)
class DiskRevolve(SizedSchedule):
    """The least time with ``ram`` slots and an unlimited disk, in units of a chunk run.

    Aupy et al. 2016.

    With w and r the time to write and to read a checkpoint on disk, R(l) that of binomial
    checkpointing in RAM, D(l) that of l chunks from a present state, and E(l) that of l chunks
    whose start is on disk and was read:

        D(l) = min{ R(l); w + j + D(l − j) + r + E(j) }
        E(l) = min{ R(l); j + D(l − j) + r + E(j) }          1 ≤ j < l

    Args:
        chunks: chunks of the sequence.
        ram: slots in RAM.
        write, read: w and r, in units of a chunk run.

    >>> import rnnbp as rb
    >>> rb.simulate(rb.schedules.DiskRevolve(20, 2, write=1.0, read=1.0)).peak_slots_by_tier["ram"]
    2
    """

    label: ClassVar[str] = "disk-revolve"
    marker: ClassVar[Marker] = Marker("d", GREEN)
    needs_disk: ClassVar[bool] = True

    chunks: int
    ram: int
    write: float
    read: float

    if TYPE_CHECKING:  # what a dataclass makes, and chunks may be left out

        def __init__(
            self, chunks: int = ..., ram: int = ..., write: float = ..., read: float = ...
        ) -> None: ...

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, value in (("write", self.write), ("read", self.read)):
            if not 0 <= value < math.inf:
                raise ValueError(
                    f"the cost to {name} a checkpoint must be 0 or more chunk runs, found {value}"
                )

    @property
    def cost(self) -> float:
        """D(chunks): chunks run, reruns included, plus moves to and from disk in chunk runs."""
        return self._tables()[0][self.chunks]

    @property
    def steps(self) -> int:
        """Chunks run, reruns included."""
        return sum(isinstance(action, Advance | Record) for action in self)

    @property
    def title(self) -> str:
        return _title(self, self.ram)

    @classmethod
    def choices(cls, room: Room) -> Iterator[SizedSchedule]:
        if ram := _ram(room):
            yield from _on_disk(cls(room.chunks, ram, room.write, room.read))

    def __iter__(self) -> Iterator[Action]:
        fresh, again = self._tables()
        todo = [(0, self.chunks, False)]
        while todo:
            start, length, on_disk = todo.pop()
            if on_disk:
                yield Load(start)
            j = self._split(length, fresh, again, on_disk)
            if j is None:
                if on_disk:
                    yield Drop(start)
                yield from revolve(length, self.ram, start)
                continue
            if not on_disk:
                yield Store(start, "disk")
            yield from (Advance(n) for n in range(start, start + j))
            todo += [(start, j, True), (start + j, length - j, False)]

    def _tables(self) -> tuple[list[float], list[float]]:
        """D and E of 0 to ``chunks``."""
        fresh, again, after = [0.0, 1.0], [0.0, 1.0], [0.0, 2.0]  # after: j + E(j)
        for length in range(2, self.chunks + 1):
            in_ram = cost(length, self.ram)
            split = self.read + min(map(add, after[1:], fresh[:0:-1]))
            fresh.append(min(in_ram, self.write + split))
            again.append(min(in_ram, split))
            after.append(length + again[length])
        return fresh, again

    def _split(
        self, length: int, fresh: list[float], again: list[float], on_disk: bool
    ) -> int | None:
        """j, or None where RAM alone is best."""
        if (again if on_disk else fresh)[length] == cost(length, self.ram):
            return None
        return min(range(1, length), key=lambda j: j + again[j] + fresh[length - j])
