"""A schedule chosen for a budget of bytes, with what it will cost."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, NoReturn

from rnnbp.actions import Action
from rnnbp.planning.budget import BudgetError, shown, with_margin
from rnnbp.planning.costs import Costs
from rnnbp.planning.forecast import Forecast, forecast_of
from rnnbp.planning.plan_text import (
    budget_lines,
    frontier_lines,
    held_lines,
    lane_lines,
    rounding_lines,
    seconds_text,
)
from rnnbp.planning.search import Candidate
from rnnbp.planning.shared_chunks import InRows, rows_of, threads_of_chain
from rnnbp.planning.short_tape_lines import short_tape_lines
from rnnbp.planning.sizes import Sizes
from rnnbp.planning.thread_lines import thread_lines
from rnnbp.planning.thread_plan import ThreadPlan
from rnnbp.planning.training_bytes import TrainingBytes
from rnnbp.runners.backend import Backend
from rnnbp.support import html, reprs
from rnnbp.support.late_modules import late
from rnnbp.support.lazy import cached_property
from rnnbp.support.nearest import hint, unknown
from rnnbp.support.printing import printable
from rnnbp.support.reprs import counted

if TYPE_CHECKING:
    from rnnbp.planning.plan_picture import frontier_picture, schedule_picture
else:  # drawn in notebooks alone
    frontier_picture = late("rnnbp.planning.plan_picture", "frontier_picture")
    schedule_picture = late("rnnbp.planning.plan_picture", "schedule_picture")

ELSEWHERE = {
    "bytes": "arrays take plan.peak_bytes, with Python's objects at most plan.chosen.bytes; "
    "plan.budget is the budget",
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
        budget: bytes of the run: those passed to ``plan``, less those of ``held``.
        steps: T.
        chosen: the schedule, its chunk and its forecast.
        ratio: its predicted seconds over those of the fastest schedule without a budget.
        frontier: the fastest schedules for other budgets.
        costs: seconds of actions, from which it was computed.
        sizes: bytes of what a run holds.
        held: what training holds next to it: ``held.total`` bytes, of ``optimizer`` and
            ``accumulate``.
        disk: bytes that checkpoints may take on disk.

    ``threads`` say what the threads of a run share.
    """

    budget: int
    steps: int
    """T."""
    chosen: Candidate
    ratio: float
    """Seconds over those of the fastest way to cache everything."""
    frontier: tuple[Candidate, ...]
    """For other budgets: each is the fastest within its own bytes, margins left out."""
    costs: Costs
    """The seconds of actions that it rests on."""
    sizes: Sizes = field(repr=False, compare=False)
    """The bytes of actions that it rests on."""
    held: TrainingBytes = field(default=TrainingBytes(), repr=False, compare=False)
    """Bytes that training holds next to the run; ``budget`` is without them."""
    disk: int = field(default=0, repr=False, compare=False)
    """Bytes that checkpoints may take on disk."""

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

    @property
    def threads(self) -> ThreadPlan:
        """What the threads of a run share, for as many as there are now.

        >>> import rnnbp as rb
        >>> model = rb.Sequential(rb.LSTM(3, 4, name="cell"), rb.Dense(4, 2))
        >>> found = rb.plan(model, steps=200, batch=2, budget="1 MB").threads
        >>> found.layers[0].layer, found.count > 0
        ('cell', True)
        """
        return threads_of_chain(self.sizes, self._in_rows, self.chunk)

    @cached_property
    def _in_rows(self) -> InRows:
        """The rows of chunks that lanes run by one call; none where checkpoints are on disk."""
        if self.forecast.writes["disk"]:
            return InRows()
        return rows_of(self.sizes, self.schedule, self.steps, self.chunk)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            raise unknown(f"'Plan' object has no attribute {name!r}", _instead(name), name, self)

    @reprs.safe
    def __repr__(self) -> str:
        """In a few lines; no forecast is worked out for it, which takes a while for many chunks."""
        what, rows = self._shown()
        return reprs.titled(self, what, **rows)

    @html.safe
    def _repr_html_(self) -> str:
        """What a notebook shows: the rows of the repr, and what is run when, or for many chunks
        what other budgets would buy.
        """
        drawn = schedule_picture(self.chosen.schedule, self.steps, self.chunk)
        picture = drawn or frontier_picture(self.frontier, self.chosen, self.budget)
        return html.shown(self, *self._shown(), picture)

    def _shown(self) -> tuple[str, dict[str, str]]:
        """What it is, and rows by name."""
        known = vars(self).get("forecast")
        held = f"about {shown(self.chosen.bytes)}"
        if isinstance(known, Forecast):  # as print shows it
            held = shown(known.peak_bytes + known.object_bytes)
        more, whole = self.held.total, ""
        least, most = (with_margin(c.bytes) + more for c in (self.frontier[0], self.frontier[-1]))
        if more:
            whole = f" for the run, {shown(self.budget + more)} with what training holds"
        others = f"budgets from {shown(least, up=True)} to {shown(most, up=True)}"
        what = f"{self.chosen.name}, chunks of {self.chunk:,} of {self.steps:,} steps"
        return what, {
            "bytes": f"{held} of {shown(self.budget)}{whole}",
            "seconds": seconds_text(self.seconds, self.ratio),
            "rounding": self.sizes.backend.rounding,
            "frontier": f"{others}; print(plan) shows them",
        }

    @printable
    def __str__(self) -> str:
        what = f"{self.chosen.name}, chunks of {counted(self.chunk, 'step')}"
        budget = budget_lines(self.budget, self.held)
        held = [*held_lines(self.forecast, self.budget, self.sizes.slot, self.disk)]
        held[2:2] = short_tape_lines(self.sizes, self.chunk)
        lanes = lane_lines(len(self.sizes.lanes), max(self._in_rows))
        threads = thread_lines(self.threads)
        seconds = f"seconds    {seconds_text(self.seconds, self.ratio)}"
        least = self.seconds / self.ratio
        table = frontier_lines(self.frontier, self.chosen, least, self.held.total)
        held += rounding_lines(self.sizes.backend)
        lines = [f"schedule   {what}", *budget, *held, *lanes, *threads, seconds, "", *table]
        return "\n".join(lines)


def planned_otherwise(plan: Plan, backend: Backend, of_run: str) -> str:
    """Why a run needs more than its plan, and what to do.

    Args:
        backend: of the run. of_run: what else of it may differ.
    """
    planned, otherwise = plan.sizes.backend, "make a new plan, or pass bptt the budget itself"
    if backend != planned:
        found = f"it was planned for {planned}, and this run is by {backend}"
        return f"{found}; pass the backend of the plan, {otherwise}"
    what = f"{of_run}, or the dtype or memory order of x differ from those planned for"
    return f"{what}; {otherwise}"


def check_length(plan: Plan, steps: int | None, chunk: int | None) -> None:
    """Raise BudgetError for a run in other chunks than a plan's, or of a different number of them.

    ``steps`` is None for a stream whose length is not known, ``chunk`` where none is given.
    """
    if chunk not in (None, plan.chunk):
        raise BudgetError(
            f"the plan is for chunks of {plan.chunk} steps, found chunk={chunk}; leave chunk out"
        )
    chunks = math.ceil(plan.steps / plan.chunk)
    if steps is None or chunks != math.ceil(steps / plan.chunk):
        found = "a stream; give steps= with it" if steps is None else counted(steps, "step")
        raise BudgetError(
            f"the plan is for {counted(plan.steps, 'step')}, {counted(chunks, 'chunk')} of "
            f"{plan.chunk:,}, found {found}; plan anew"
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
