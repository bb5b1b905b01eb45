"""The one search over schedules: of a planner within a budget, of a comparison by kind."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import final

from rnnbp.actions import TIERS
from rnnbp.planning.costs import Costs
from rnnbp.planning.prices import Prices, least_of, lengths_of, prices_of
from rnnbp.planning.sizes import Sizes
from rnnbp.schedules import All, EveryK, Revolve
from rnnbp.schedules.declared import Room
from rnnbp.schedules.registry import KINDS
from rnnbp.schedules.sized import SizedSchedule

TABLES = 200_000
"""Chunks times units for which a planner lets tables be worked out: a fraction of a second."""
TABLE = 7_000
"""Bytes that tables take for a unit, while the schedule runs."""
BUILDING = 1e-4
"""Seconds that they take for a unit, about."""
ALIKE = 64
"""The most chunks, alike and with a checkpoint each, that are tried for more lengths."""


@final
@dataclass(frozen=True)
class Candidate:
    """A schedule over chunks of ``chunk`` steps: a bound of its bytes, and its seconds."""

    name: str
    schedule: SizedSchedule
    chunk: int
    bytes: int
    seconds: float


@final
class Search:
    """Schedules for a sequence; a run holds as much as a candidate's bound says, or a little less.

    Args:
        steps: T.
        disk: bytes that checkpoints may take on disk.
        arrays_only: whether bounds leave out Python's objects, and tables, which are worked out
            before such a run.
    """

    def __init__(
        self, sizes: Sizes, steps: int, costs: Costs, disk: int = 0, *, arrays_only: bool = False
    ) -> None:
        self.sizes, self.steps, self.costs, self.arrays_only = sizes, steps, costs, arrays_only
        self.disk = disk // max(1, sizes.slot)
        """How many checkpoints the disk may hold."""
        self._prices: dict[int, Prices] = {}

    def choices(
        self, kind: type[SizedSchedule], length: int, budget: int, *, tables: int
    ) -> Iterator[Candidate]:
        """All of a kind, in chunks of ``length``, that may be within a budget.

        Their bounds may exceed it by a tape and a slot, because the last chunk and the last segment
        may be short: a forecast decides.

        Args:
            tables: the most chunks times units for which tables are worked out.
        """
        prices = self.prices(length)
        limit = budget + max(1, prices.tape) + max(1, prices.slot)
        yield from self._within(kind.choices(self._room(length, budget, tables)), length, limit)

    def planned(self, budget: int, *, tables: bool = True) -> Iterator[Candidate]:
        """Those of all kinds whose bound is within a budget.

        Without ``tables``, none that are worked out from tables, which takes longer.
        """
        for length in lengths_of(self.steps):
            yield from self._of_length(length, budget, tables)
        for length in self._alike():
            alike = (
                EveryK(math.ceil(self.steps / length), 1, tier)
                for tier in TIERS
                if length < self.steps
            )
            yield from self._within(alike, length, budget)
        yield from self.cached(budget)

    def of_length(self, length: int, budget: float) -> Iterator[Candidate]:
        """Those in chunks of a length whose bound is within a budget, none worked out from tables."""
        if budget < math.inf:
            yield from self._of_length(length, math.floor(budget), tables=False)
        yield from self._within([All(math.ceil(self.steps / length))], length, budget)

    def least(self) -> Iterator[Candidate]:
        """Those within the least bytes that any needs, in chunks of the length that needs it."""
        budget, length = least_of(self.sizes, self.steps)
        yield from self._of_length(length, budget, False)

    def cached(self, budget: float = math.inf) -> Iterator[Candidate]:
        """Everything cached, for each length of chunks, within a budget."""
        for length in lengths_of(self.steps):
            yield from self._within([All(math.ceil(self.steps / length))], length, budget)

    def prices(self, length: int) -> Prices:
        """What things take in chunks of a length."""
        if length not in self._prices:
            self._prices[length] = prices_of(
                self.sizes, self.steps, length, arrays_only=self.arrays_only
            )
        return self._prices[length]

    def _alike(self) -> list[int]:
        """Lengths that divide the sequence in chunks of one length, apart from the others."""
        segments = range(2, min(ALIKE, self.steps) + 1)
        return sorted(
            {math.ceil(self.steps / n) for n in segments}.difference(lengths_of(self.steps))
        )

    def _of_length(self, length: int, budget: int, tables: bool) -> Iterator[Candidate]:
        """Of two that are the same run the first is taken: Revolve comes before every chunk."""
        room = self._room(length, budget, TABLES if tables else 0)
        for kind in sorted(KINDS.values(), key=lambda kind: kind is not Revolve):
            if kind is not All:  # which is tried for all lengths in the end
                yield from self._within(kind.planned(room), length, budget)

    def _room(self, length: int, budget: int, tables: int) -> Room:
        prices = self.prices(length)
        slot, tape = max(1, prices.slot), max(1, prices.tape)
        free = budget - prices.always
        write, read = self._disk_costs(length) if self.disk else (0.0, 0.0)
        return Room(
            math.ceil(self.steps / length),
            (free - tape) // slot,
            (free - slot) // tape,
            alpha=math.ceil(tape / slot),
            units=(free - tape) // (slot + (0 if self.arrays_only else TABLE)),
            tables=tables,
            disk=self.disk,
            write=write,
            read=read,
        )

    def _disk_costs(self, length: int) -> tuple[float, float]:
        """What it takes to write a checkpoint and to read it, in runs of a chunk."""
        once = {"Record": 1, "Backward": 1}
        run = self.costs.seconds(once, dict.fromkeys(once, length))
        return self.costs.fixed.get("write", 0.0) / run, self.costs.fixed.get("read", 0.0) / run

    def _within(
        self, schedules: Iterable[SizedSchedule], length: int, limit: float
    ) -> Iterator[Candidate]:
        """Those whose bound is within a limit."""
        prices = self.prices(length)
        for schedule in schedules:
            holds = schedule.holds
            if holds.disk > self.disk:
                continue
            held, units = prices.bound(holds), 0 if self.arrays_only else schedule.table_units
            if held + units * TABLE > limit:
                continue
            seconds = self._seconds(schedule, length)
            if holds.moved:
                seconds += self._moving(holds.moved)
            seconds += held * self.costs.byte + units * BUILDING
            yield Candidate(schedule.title, schedule, length, held + units * TABLE, seconds)

    def _seconds(self, schedule: SizedSchedule, length: int) -> float:
        """Of a schedule that records or rebuilds each chunk once; the last is not advanced."""
        chunks, rebuilt = schedule.chunks, schedule.rebuilt
        counts = {"Advance": schedule.steps - chunks, "Keep": rebuilt, "Rebuild": rebuilt}
        if self.sizes.loss_whole:  # all outputs are made first
            counts["Advance"] += chunks
        steps = {kind: n * length for kind, n in counts.items()}
        counts |= {"Record": chunks - rebuilt, "Backward": chunks}
        return self.costs.seconds(
            counts, steps | {"Record": self.steps - rebuilt * length, "Backward": self.steps}
        )

    def _moving(self, moved: int) -> float:
        """Of checkpoints written to disk and read again, as if nothing were run in the meantime."""
        return self.costs.seconds({"write": moved, "read": moved}, {})
