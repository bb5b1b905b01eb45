"""A schedule chosen for a budget of bytes, with what it will cost."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, NoReturn

from rnnbp.actions import Action
from rnnbp.planning.budget import exactly, margin, shown, too_small, with_margin
from rnnbp.planning.costs import Costs
from rnnbp.planning.forecast import Forecast, forecast_of
from rnnbp.planning.least import most_of
from rnnbp.planning.prices import least_of
from rnnbp.planning.search import Candidate, Search
from rnnbp.planning.sizes import Sizes
from rnnbp.support import reprs
from rnnbp.support.lazy import cached_property
from rnnbp.support.nearest import hint
from rnnbp.support.printing import printable
from rnnbp.support.reprs import counted

ELSEWHERE = {
    "bytes": "arrays take plan.peak_bytes, with Python's objects at most plan.chosen.bytes; plan.budget is the budget",
    "batch": "it is plan.sizes.batch",
    "name": "it is plan.chosen.name",
    "slots": "those held at once are plan.forecast.peak_slots",
    "actions": "they are list(plan.schedule)",
}
"""What a plan does not have, and where it is."""


@dataclass(frozen=True)
class Plan:
    """A schedule for a budget; ``bptt`` takes it as ``checkpoint``, and ``print`` shows it.

    Attributes:
        budget: bytes.
        steps: T.
        chosen: the schedule, its chunk and its forecast.
        ratio: its predicted seconds over those of the fastest schedule without a budget.
        frontier: the fastest schedules for other budgets.
        costs: seconds of actions, from which it was computed.
        sizes: bytes of what a run holds.
    """

    budget: int
    steps: int
    """T."""
    chosen: Candidate
    ratio: float
    """Seconds over those of the fastest way to cache everything."""
    frontier: tuple[Candidate, ...]
    """For other budgets: each is the fastest within its own bytes, to which a budget adds a margin.
    """
    costs: Costs
    """The seconds of actions that it rests on."""
    sizes: Sizes = field(repr=False, compare=False)
    """The bytes of actions that it rests on."""

    @cached_property
    def forecast(self) -> Forecast:
        """What the run will count, to the byte; worked out when it is first asked for."""
        return forecast_of(self.sizes, self.chosen.schedule, self.steps, self.chunk, self.costs)

    @property
    def chunk(self) -> int:
        """Steps in a chunk."""
        return self.chosen.chunk

    @property
    def schedule(self) -> Iterable[Action]:
        """The actions, chunk by chunk: ``chosen.schedule``."""
        return self.chosen.schedule

    @property
    def seconds(self) -> float:
        """Predicted seconds of a run: ``chosen.seconds``."""
        return self.chosen.seconds

    @property
    def peak_bytes(self) -> int:
        """The most bytes that arrays take at once: ``forecast.peak_bytes``."""
        return self.forecast.peak_bytes

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            raise AttributeError(f"'Plan' object has no attribute {name!r}{_instead(name)}")

    def _bytes(self) -> list[str]:
        """The lines of what is held against the budget: arrays, and Python's objects around them."""
        arrays, objects = self.forecast.peak_bytes, self.forecast.object_bytes + self.chosen.tables
        kinds = ", ".join(
            f"{kind} {shown(n)}" for kind, n in self.forecast.peak_bytes_by_kind.items()
        )
        free = self.budget - arrays - objects
        return [
            f"bytes      {exactly(arrays + objects)} of {exactly(self.budget)}",
            f"  arrays   {exactly(arrays)}: {kinds}",
            f"  objects  Python's objects, about {exactly(objects)}",
            f"  free     {exactly(free)}, for what estimates may be short by",
        ]

    def _seconds(self) -> str:
        return f"{self.seconds:.3g}, {self.ratio:.2f} times as long as caching everything"

    def _disk(self) -> list[str]:
        """The line of what is on disk, if there is something."""
        slots, writes = self.forecast.peak_slots_by_tier["disk"], self.forecast.writes["disk"]
        held = f"disk       {shown(slots * self.sizes.slot)}, {writes:,} checkpoints written"
        return [held] if writes else []

    def _outputs(self) -> list[str]:
        """The line of what a loss of all steps at once holds, if it is one."""
        held = self.forecast.output_bytes
        told = f"loss       y and dy of all steps are held, {shown(held)}, under any schedule: checkpoints save less"
        return [told] if held else []

    @reprs.safe
    def __repr__(self) -> str:
        """In a few lines, from what is known without a forecast, which takes a while for many
        chunks.
        """
        others = [
            with_margin(candidate.bytes) for candidate in (self.frontier[0], self.frontier[-1])
        ]
        return reprs.titled(
            self,
            f"{self.chosen.name}, chunks of {self.chunk:,} of {self.steps:,} steps",
            bytes=f"about {shown(self.chosen.bytes)} of {shown(self.budget)}",
            seconds=self._seconds(),
            frontier=f"budgets from {shown(others[0], up=True)} to {shown(others[1], up=True)}; print(plan) shows them",
        )

    @printable
    def __str__(self) -> str:
        lines = [
            f"schedule   {self.chosen.name}, chunks of {counted(self.chunk, 'step')}",
            *self._bytes(),
            *self._disk(),
            *self._outputs(),
            f"steps      {self.forecast.steps_rerun:,} run again, {self.forecast.steps_rebuilt:,} "
            "rebuilt",
            f"seconds    {self._seconds()}",
            "",
            f"{'budget':>12}  {'seconds':>9}  {'ratio':>5}  what it would buy",
        ]
        least = self.chosen.seconds / self.ratio
        for other in self.frontier:
            mark = "*" if other == self.chosen else " "
            lines.append(
                f"{shown(with_margin(other.bytes), up=True):>12}  {other.seconds:9.3g}  "
                f"{other.seconds / least:5.2f} {mark}{other.name}, chunks of {other.chunk}"
            )
        return "\n".join(lines)


def check(sizes: Sizes, steps: int, budget: int) -> None:
    """Raise BudgetError where no schedule fits in a budget."""
    least, _ = least_of(sizes, steps)
    if budget < with_margin(least):
        raise too_small(budget, least, most_of(sizes, steps, least), sizes.all_outputs(steps))


def choose(sizes: Sizes, steps: int, budget: int, costs: Costs, disk: int = 0) -> Plan:
    """The fastest candidate within a budget. Raises BudgetError where there is none."""
    check(sizes, steps, budget)
    search, room = Search(sizes, steps, costs, disk), budget - margin(budget)
    cached = [*search.cached()]
    others = [
        c for k in range(-3, 4) for c in search.planned(math.floor(budget * 2.0**k), tables=False)
    ]
    others += search.least()
    fitting = [*search.planned(room), *(c for c in others if c.bytes <= room)]
    best = min(fitting, key=lambda c: (c.seconds, c.bytes))
    frontier, fastest = _frontier([best, *cached, *others]), min(c.seconds for c in cached)
    return Plan(
        budget, steps, best, best.seconds / fastest, tuple(_thinned(frontier, best)), costs, sizes
    )


def _instead(name: str) -> str:
    """Where an attribute that a plan does not have is found; "" where it is nowhere."""
    if name.startswith("_"):
        return ""
    if name in ELSEWHERE:
        return f"; {ELSEWHERE[name]}"
    if name in {part.name for part in fields(Forecast)}:
        return f"; it is plan.forecast.{name}"
    return hint(name, [part.name for part in fields(Plan)])


def _frontier(candidates: list[Candidate]) -> list[Candidate]:
    """Those that no other beats in both bytes and seconds, by bytes."""
    found: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda c: (c.bytes, c.seconds)):
        if not found or candidate.seconds < found[-1].seconds:
            found.append(candidate)
    return found


def _thinned(frontier: list[Candidate], best: Candidate, most: int = 9) -> list[Candidate]:
    """About ``most`` of the frontier, spread evenly, the chosen one among them."""
    every = max(1, math.ceil(len(frontier) / most))
    kept = [
        c for k, c in enumerate(frontier) if k % every == 0 or c == best or k == len(frontier) - 1
    ]
    return kept if best in kept else sorted([*kept, best], key=lambda c: c.bytes)
