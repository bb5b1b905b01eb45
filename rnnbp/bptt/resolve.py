"""What a ``checkpoint`` argument means for a run: its chunks, its actions, and what is expected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple, final

from rnnbp.actions import Action
from rnnbp.bptt.known_plans import known_plan
from rnnbp.bptt.run_checks import check_plan, keeps_dx, returns_y
from rnnbp.graph.graph import Node
from rnnbp.graph.model_split import parts_of
from rnnbp.inputs.given import StateLike
from rnnbp.inputs.objective import Objective
from rnnbp.inputs.problem import Problem
from rnnbp.inputs.states import FinalDeltas, final_deltas
from rnnbp.numerics import flag
from rnnbp.planning.budget import is_budget, parse_budget
from rnnbp.planning.online import online
from rnnbp.planning.plan import Plan
from rnnbp.planning.run_sizes import sizes_of_run
from rnnbp.planning.sizes import Sizes
from rnnbp.schedules import Online, ScheduleLike, sweep
from rnnbp.schedules import resolve as schedule_of
from rnnbp.schedules.simulation import ScheduleError, Simulation, simulate


@final
@dataclass(frozen=True)
class Resolved:
    """A run, as far as its arguments decide it."""

    problem: Problem
    """In the chunks of the run."""
    sizes: Sizes
    """Bytes of its actions; they say whether dx and y are kept."""
    actions: Iterable[Action]
    expected: Simulation | None
    """What the actions take; None for a stream of unknown length."""
    plan: Plan | None = None
    """The plan that the schedule is from, if it is from one."""
    dstate: FinalDeltas = ()
    """The deltas of the final state."""

    @property
    def uses_disk(self) -> bool:
        """True if checkpoints may be written to disk."""
        return self.expected is None or self.expected.writes["disk"] > 0

    def memory_key(self, loss: type) -> tuple[object, ...] | None:
        """What runs that take memory alike have in common; None where that is not known."""
        if self.expected is None:
            return None
        return self.problem.kind, self.expected, self.sizes.dx, loss, self.sizes.return_y

    def check(self, counts: dict[str, int]) -> None:
        """Raise ScheduleError where a run counted other actions than were expected."""
        if self.expected is not None and counts != self.expected.counts:
            raise ScheduleError(
                f"the schedule had {self.expected.counts} when it was checked, {counts} when it "
                f"ran; return the same actions each time it is iterated"
            )


class Asked(NamedTuple):
    """What a run is to keep, and what it begins its way back from; each as of ``bptt``."""

    dx: bool | None
    return_y: bool
    dstate: StateLike


def resolve(
    checkpoint: ScheduleLike | Plan,
    problem: Problem,
    objective: Objective,
    chunk: int | None,
    asked: Asked,
) -> Resolved:
    """Return what a run does, and what that takes.

    Args:
        checkpoint: a name, a schedule, a function of the number of chunks, a budget, or a Plan.
        problem: in chunks of the length ``chunk``, or of the default; a budget chooses its own.
        chunk, asked: as of ``bptt``.

    Raises:
        BudgetError: for a budget in which nothing fits, or a plan for another run.
        ScheduleError: for a schedule that cannot be run.
        ValueError, TypeError: for a checkpoint that is none of these, and what cannot be kept.
    """
    returned = returns_y(problem, asked.return_y)
    plan = checkpoint if isinstance(checkpoint, Plan) else None
    kept = keeps_dx(problem, plan, None if asked.dx is None else flag("dx", asked.dx))
    if asked.dstate is None:
        return _resolved(
            checkpoint, problem, sizes_of_run(objective, dx=kept, return_y=returned), chunk
        )
    deltas = final_deltas(problem.model, asked.dstate, problem.batch, problem.dtype)
    given = given_to(parts_of(problem.model).recurrent, deltas)
    sizes = sizes_of_run(objective, dx=kept, return_y=returned, dstate=given)
    return replace(_resolved(checkpoint, problem, sizes, chunk), dstate=deltas)


def given_to(recurrent: Sequence[Node], dstate: FinalDeltas) -> frozenset[int]:
    """The Recurrents that deltas of the final state are of, by number."""
    pairs = zip(recurrent, dstate, strict=True) if dstate else ()
    return frozenset([node.number for node, deltas in pairs if deltas is not None])


def _resolved(
    checkpoint: ScheduleLike | Plan, problem: Problem, sizes: Sizes, chunk: int | None
) -> Resolved:
    if isinstance(checkpoint, Plan):
        return _of_plan(checkpoint, problem, sizes, chunk)
    if is_budget(checkpoint):
        return _of_budget(checkpoint, problem, sizes)
    return of_schedule(checkpoint, problem, sizes)


def _of_budget(checkpoint: object, problem: Problem, sizes: Sizes) -> Resolved:
    """A run within a budget: as it is planned, or by the slots that fit for an unknown length."""
    budget = parse_budget(checkpoint, "checkpoint")
    if problem.known:
        return _of_plan(known_plan(sizes, problem.steps, budget), problem, sizes, None)
    length, slots = online(sizes, budget)
    return of_schedule(Online(slots), replace(problem, chunk=length), sizes)


def _of_plan(plan: Plan, problem: Problem, sizes: Sizes, chunk: int | None) -> Resolved:
    check_plan(plan, problem, sizes, chunk)
    planned = replace(problem, chunk=min(plan.chunk, problem.steps))
    return of_schedule(plan.chosen.schedule, planned, sizes, plan)


def of_schedule(
    schedule: ScheduleLike, problem: Problem, sizes: Sizes, plan: Plan | None = None
) -> Resolved:
    """A run by a schedule, in the chunks of ``problem``.

    Raises ScheduleError for one that cannot be run.
    """
    if not problem.known:
        return Resolved(problem, sizes, _following(schedule, problem), None)
    parts = problem.chunks, problem.steps, problem.chunk
    if isinstance(schedule, str):
        return Resolved(problem, sizes, *_checked_name(schedule, *parts), plan)
    return Resolved(problem, sizes, *_checked(schedule, *parts), plan)


def _checked(
    schedule: ScheduleLike, chunks: int, steps: int, chunk: int
) -> tuple[Iterable[Action], Simulation]:
    actions = schedule_of(schedule, chunks)
    return actions, simulate(actions, chunks, steps=steps, chunk=chunk)


_checked_name = lru_cache(_checked)
"""The same of a schedule by its name: training resolves it at every update."""


def _following(schedule: ScheduleLike, problem: Problem) -> Iterator[Action]:
    """The actions for a stream whose end is seen when it comes."""
    present, n = sweep(schedule), 0
    while problem.x.has((n + 1) * problem.chunk):
        yield from present.forward()
        n += 1
    yield from present.end()
