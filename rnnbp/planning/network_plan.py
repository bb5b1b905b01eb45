"""A plan of a network over time: a schedule for each of its sweeps, within one budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

from rnnbp.planning.budget import BudgetError, shown
from rnnbp.planning.forecast import Forecast
from rnnbp.planning.network_parts import EdgePlan, NetworkChoice, SweepPlan
from rnnbp.planning.network_text import (
    chunks_text,
    edge_lines,
    network_lines,
    steps_text,
    sweep_lines,
)
from rnnbp.planning.plan import Plan
from rnnbp.planning.plan_text import budget_lines, frontier_lines, rounding_lines, seconds_text
from rnnbp.planning.search import Candidate
from rnnbp.planning.shared_chunks import threads_of_sweep
from rnnbp.planning.thread_lines import thread_lines
from rnnbp.planning.thread_plan import ThreadPlan, joined
from rnnbp.runners.select import threads_of
from rnnbp.support import html, reprs
from rnnbp.support.late_modules import late
from rnnbp.support.lazy import cached_property
from rnnbp.support.printing import printable
from rnnbp.support.reprs import counted

if TYPE_CHECKING:
    from rnnbp.planning.plan_picture import schedule_picture
else:  # drawn in notebooks alone
    schedule_picture = late("rnnbp.planning.plan_picture", "schedule_picture")


@final
@dataclass(frozen=True, kw_only=True)
class NetworkPlan(Plan):
    """A plan of a network over time, as ``plan`` returns it for one; ``print`` shows it by sweep.

    Attributes:
        sweeps: in the order in which they run forward.
        edges: the series that they hand on.
        chunks, longest: steps in a chunk, and of the longest sequence, by time axis.
        parts: bytes that parts of the network may take, by name, if they were passed.
        joint: the forecast of the run.
        keeps_dx, returns_y: what it keeps.

    ``chosen`` has the bytes and seconds of the whole run; its schedule, ``sizes`` and ``costs`` are
    those of the first sweep, and ``sweeps`` has those of each.
    """

    longest: Mapping[str, int]
    """The steps of the longest sequence, by time axis."""
    sweeps: tuple[SweepPlan, ...]
    edges: tuple[EdgePlan, ...]
    choice: NetworkChoice = field(repr=False)
    parts: Mapping[str, int] = field(default_factory=dict)
    joint: Forecast = field(repr=False, compare=False)
    keeps_dx: bool = True
    returns_y: bool = False
    adapts: bool = field(default=False, repr=False)
    """True if a run of other sequences is planned anew within the budget, as in training."""

    others: Callable[[], list[Candidate]] | None = field(default=None, repr=False, compare=False)
    """Works out schedules for other budgets; None where there are none."""

    @cached_property
    def rows(self) -> tuple[Candidate, ...]:
        """The table that ``print`` shows, as ``frontier`` of other plans: worked out when it is
        first read, in some tenths of a second. Each row names what its sweeps do.
        """
        return self.frontier if self.others is None else tuple(self.others())

    def __getstate__(self) -> dict[str, object]:
        """With the rows of the table, because what works them out stays in its process."""
        return vars(self) | {"rows": self.rows, "others": None}

    @property
    def chunks(self) -> Mapping[str, int]:
        """Steps in a chunk, by time axis."""
        return self.choice.chunks

    @property
    def steps_text(self) -> str:
        """The steps that it is for, in words."""
        return steps_text(self.longest)

    @cached_property
    def forecast(self) -> Forecast:
        """What the run will count, to the byte."""
        return self.joint

    @property
    def threads(self) -> ThreadPlan:
        """What the threads of a run share, of all sweeps."""
        every = [(each, threads_of_sweep(each.sizes, each.chunk)) for each in self.sweeps]
        layers = [name for each, parts in every if parts for name in each.layers]
        count = threads_of(self.sizes.backend)
        return joined(count, layers, [part for _, parts in every for part in parts])

    __repr__ = Plan.__repr__  # a dataclass would have one of its own

    @html.safe
    def _repr_html_(self) -> str:
        """What a notebook shows: the rows of the repr, a table of sweeps, and the first sweep that
        can be drawn.
        """
        header = ("sweep over", "layers", "schedule", "chunk", "seconds")
        cells = (
            (
                each.axis,
                ", ".join(each.layers),
                each.name,
                f"{each.chunk:,}",
                reprs.number(each.seconds),
            )
            for each in self.sweeps
        )
        table = html.table(header, cells, len(self.sweeps), words=3)
        drawn = (
            schedule_picture(each.schedule, self.longest[each.axis], each.chunk)
            for each in self.sweeps
        )
        what, rows = self._shown()
        return html.shown(self, what, rows | {"sweeps": ""}, table, next(filter(None, drawn), ""))

    def _shown(self) -> tuple[str, dict[str, str]]:
        """What it is, and rows by name."""
        where = "in files" if self.choice.disk else "in memory"
        edges = f"{shown(sum(edge.bytes for edge in self.edges))} {where}" * bool(self.edges)
        what = f"{counted(len(self.sweeps), 'sweep')}, chunks of {chunks_text(self.chunks)}"
        return what, {
            "bytes": f"{shown(self.chosen.bytes)} of {shown(self.budget)}",
            "edges": edges,
            "seconds": seconds_text(self.seconds, self.ratio),
            "rounding": self.sizes.backend.rounding,
            "sweeps": "; ".join(f"{each.name}" for each in self.sweeps),
        }

    @printable
    def __str__(self) -> str:
        what = f"{counted(len(self.sweeps), 'sweep')}, chunks of {chunks_text(self.chunks)}"
        steps = f"{self.joint.steps_rerun:,} run again, {self.joint.steps_rebuilt:,} rebuilt"
        seconds = seconds_text(self.seconds, self.ratio)
        least, rows = self.seconds / self.ratio, self.rows
        table = frontier_lines(rows, self.chosen, least, self.held.total)
        return "\n".join(
            [
                f"network    {what}",
                *budget_lines(self.budget, self.held),
                *network_lines(self.joint, self.budget),
                *edge_lines(self.edges),
                f"steps      {steps}",
                *rounding_lines(self.sizes.backend),
                *thread_lines(self.threads),
                f"seconds    {seconds}",
                "",
                *sweep_lines(self.sweeps),
                *["", *table] * (len(rows) > 1),
            ]
        )


def refuse_network(plan: Plan) -> None:
    """Raise BudgetError for a plan of a network over time, where a run is not one."""
    if isinstance(plan, NetworkPlan):
        raise BudgetError(
            "the plan is for a network over time, and this run is of one direction, without "
            "lengths= and reset=; pass those that it was planned with, or plan without them"
        )
