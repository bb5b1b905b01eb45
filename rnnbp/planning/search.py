"""The schedules that a planner chooses among, with bounds of their bytes by arithmetic."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

from rnnbp.actions import TIERS, Action, Tier
from rnnbp.compensated import parted
from rnnbp.planning.costs import Costs
from rnnbp.planning.objects import always, filed
from rnnbp.planning.sizes import Sizes
from rnnbp.planning.tables import of_all
from rnnbp.schedules import All, DiskRevolve, EveryK, Multistage, Optimal, Revolve, ThinTapes
from rnnbp.schedules.simulation import simulate
from rnnbp.support.reprs import counted

TABLES = 200_000
"""Chunks times units for which the two-table optimum is worked out: a fraction of a second."""
TABLE = 7_000
"""Bytes that the two tables take for a unit, while the schedule runs."""
BUILDING = 1e-4
"""Seconds that they take for a unit, about."""
TIERED = 1_000
"""Chunks for which the disk's tables are worked out."""
ALIKE = 64
"""The most chunks, all of one length and with a checkpoint each, that are tried apart from those of other lengths."""
BUFFERS = 2
"""Checkpoints on their way to the disk or from it, which are in RAM."""


@dataclass(frozen=True)
class Candidate:
    """A schedule over chunks of ``chunk`` steps: a bound of its bytes, and its seconds."""

    name: str
    schedule: Iterable[Action]
    chunk: int
    bytes: int
    seconds: float
    tables: int = 0
    """Of these bytes, those of a schedule that works out its actions from tables."""


def lengths_of(steps: int) -> list[int]:
    """Lengths of chunks: powers of 2, and the whole sequence if it is short."""
    powers = [2**k for k in range(11) if 2**k < steps]
    return [*powers, steps] if steps <= 2048 else powers


def bound(sizes: Sizes, steps: int, length: int, slots: int, tapes: int) -> int:
    """The most bytes that are held with this many slots and tapes, and the largest workspace of any action.

    A loss of all steps at once may take more before the schedule begins.
    """
    before = during(sizes, steps, length, 0, 0) - sizes.all_outputs(steps) - sizes.workspace(length)
    before += sizes.before(steps, length) if sizes.loss_whole else 0
    return max(during(sizes, steps, length, slots, tapes), before)


def during(sizes: Sizes, steps: int, length: int, slots: int, tapes: int) -> int:
    """The same while the schedule runs."""
    held = (
        sizes.gradients(steps, parted=parted(math.ceil(steps / length), length))
        + sizes.standing
        + sizes.program(length)
        + of_all(sizes, steps, length)
        + sizes.workspace(length)
        + sizes.all_outputs(steps)
    )
    held += slots * sizes.slot + tapes * sizes.tape(length) + sizes.objects.held(length, tapes=tapes, slots=slots)
    return held + always(sizes.objects, steps, length)


def least_bytes(sizes: Sizes, steps: int) -> int:
    """The least that any candidate's bound is: one tape, and one slot if there is more than one chunk."""
    return min(bound(sizes, steps, n, slots=int(n < steps), tapes=1) for n in lengths_of(steps))


class Candidates:
    """All candidates for a sequence; a run holds as much as its bound says, or a little less."""

    def __init__(self, sizes: Sizes, steps: int, costs: Costs, disk: int = 0) -> None:
        self.sizes, self.steps, self.costs = sizes, steps, costs
        self.lengths = lengths_of(steps)
        self.alike = sorted({math.ceil(steps / n) for n in range(2, min(ALIKE, steps) + 1)}.difference(self.lengths))
        self.disk = disk // max(1, sizes.slot)
        """How many checkpoints the disk may hold."""

    def within(self, budget: int, *, tables: bool = True) -> Iterator[Candidate]:
        """Those whose bound is within a budget; without ``tables``, not the two-table optimum, which takes longer."""
        for length in self.lengths:
            for candidate in self._of_length(length, budget, tables):
                if candidate.bytes <= budget:
                    yield candidate
        alike = (self._segments(n, math.ceil(self.steps / n), tier, most=1) for n in self.alike for tier in TIERS)
        others = chain(*alike, self.cached())
        yield from (candidate for candidate in others if candidate.bytes <= budget)

    def least(self, budget: int) -> Iterator[Candidate]:
        """Those within ``budget``, the least that any needs, in chunks of the length that needs it."""
        sizes, steps = self.sizes, self.steps
        length = min(self.lengths, key=lambda n: bound(sizes, steps, n, slots=int(n < steps), tapes=1))
        yield from (found for found in self._of_length(length, budget, False) if found.bytes <= budget)

    def cached(self) -> Iterator[Candidate]:
        """Everything cached, for each length of chunks."""
        for length in self.lengths:
            chunks = math.ceil(self.steps / length)
            yield self._replay("all cached", All(chunks), length, chunks, tapes=chunks)

    def _of_length(self, length: int, budget: int, tables: bool) -> Iterator[Candidate]:
        chunks = math.ceil(self.steps / length)
        if chunks > 1:
            yield self._thin("all states kept", ThinTapes(chunks), length, chunks, chunks, 0, chunks - 1)
        slot = max(1, self.sizes.slot + self.sizes.objects.held(length, slots=1))
        room = budget - during(self.sizes, self.steps, length, 0, 1)
        units = room // slot
        if units < 1:
            return
        alpha = max(1, math.ceil((self.sizes.tape(length) + self.sizes.objects.held(length, tapes=1)) / slot))
        revolve = Revolve(chunks, min(units, chunks))
        yield self._replay(
            f"revolve, {counted(revolve.slots, 'slot')}", revolve, length, revolve.steps, slots=revolve.slots
        )
        useful = min(room // (slot + TABLE), chunks * (alpha + 1))
        if tables and useful and chunks * useful <= TABLES:
            best = Optimal(chunks, useful, alpha)
            found = self._replay(f"optimum, {counted(useful, 'unit')}", best, length, best.steps, slots=useful)
            taken, seconds = useful * TABLE, found.seconds + useful * BUILDING
            yield replace(found, bytes=found.bytes + taken, seconds=seconds, tables=taken)
        yield from self._segments(length, chunks, "ram")
        if self.disk:
            yield from self._segments(length, chunks, "disk")
            if tables and chunks <= TIERED:
                yield from self._tiered(length, chunks, min(units - 2, chunks))

    def _segments(self, length: int, chunks: int, tier: Tier, most: int | None = None) -> Iterator[Candidate]:
        """A checkpoint every k chunks, ``most`` of them at the most, tapes or thin tapes in a segment."""
        k = 1
        while k < chunks and k <= (most or chunks):
            stored, every = math.ceil(chunks / k) - 1, EveryK(chunks, k, tier)
            name = ("every chunk" if k == 1 else f"every {k} chunks") + ", on disk" * (tier == "disk")
            slots, disk = (stored, 0) if tier == "ram" else (BUFFERS, stored)
            if disk <= self.disk:
                yield self._replay(name, every, length, every.steps, slots=slots, tapes=k, disk=disk)
                if k > 1:
                    thin = ThinTapes(chunks, k, tier)
                    yield self._thin(f"{name}, thin", thin, length, chunks, every.steps, slots, k - 1, disk)
            k *= 2

    def _tiered(self, length: int, chunks: int, ram: int) -> Iterator[Candidate]:
        """Nested checkpoints, in RAM and on disk."""
        if ram < 1:
            return
        once = {"Record": 1, "Backward": 1}
        run = self.costs.seconds(once, dict.fromkeys(once, length))
        write, read = (self.costs.fixed.get(kind, 0.0) / run for kind in ("write", "read"))
        for schedule in (Multistage(chunks, ram, min(self.disk, chunks)), DiskRevolve(chunks, ram, write, read)):
            found = simulate(schedule, chunks)
            if 0 < found.peak_slots_by_tier["disk"] <= self.disk:
                name = (
                    f"{type(schedule).__name__}, {counted(ram, 'slot')} and {found.peak_slots_by_tier['disk']} on disk"
                )
                slots, disk = ram + BUFFERS, max(found.writes["disk"], found.reads["disk"])
                yield self._replay(name, schedule, length, found.steps_run, slots=slots, disk=disk)

    def _replay(
        self,
        name: str,
        schedule: Iterable[Action],
        length: int,
        runs: int,
        *,
        slots: int = 0,
        tapes: int = 1,
        disk: int = 0,
    ) -> Candidate:
        seconds = self._seconds(runs, math.ceil(self.steps / length), length) + self._disk_seconds(disk)
        held = self._bytes(length, slots, tapes) + filed(disk)
        return Candidate(name, schedule, length, held, seconds + held * self.costs.byte)

    def _thin(
        self, name: str, schedule: ThinTapes, length: int, chunks: int, runs: int, slots: int, kept: int, disk: int = 0
    ) -> Candidate:
        held = self._bytes(length, slots, 1) + kept * self.sizes.thin(length)
        held += self.sizes.objects.held(length, thin=kept) + filed(disk)
        rebuilt = schedule.rebuilt
        held += max(0, self.sizes.rebuild(length) - self.sizes.workspace(length))
        seconds = self._seconds(runs, chunks, length, rebuilt) + held * self.costs.byte
        return Candidate(name, schedule, length, held, seconds + self._disk_seconds(disk))

    def _seconds(self, runs: int, chunks: int, length: int, rebuilt: int = 0) -> float:
        """Of a schedule that runs this many chunks, each recorded or rebuilt once; the last, perhaps short, once."""
        counts = {"Advance": runs - chunks, "Keep": rebuilt, "Rebuild": rebuilt}
        if self.sizes.loss_whole:  # all outputs are made first
            counts["Advance"] += chunks
        steps = {kind: n * length for kind, n in counts.items()}
        counts |= {"Record": chunks - rebuilt, "Backward": chunks}
        return self.costs.seconds(counts, steps | {"Record": self.steps - rebuilt * length, "Backward": self.steps})

    def _disk_seconds(self, stored: int) -> float:
        """Of this many checkpoints written and read again, as if nothing were run in the meantime."""
        return self.costs.seconds({"write": stored, "read": stored}, {})

    def _bytes(self, length: int, slots: int, tapes: int) -> int:
        return bound(self.sizes, self.steps, length, slots, tapes)
