"""What a ``checkpoint`` argument means for a run: its chunks, its actions, and what is expected."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import final

from rnnbp.actions import Action
from rnnbp.bptt.known_plans import known_plan
from rnnbp.inputs.objective import Objective
from rnnbp.inputs.problem import DEFAULT_CHUNK, Problem
from rnnbp.inputs.streams import Stream
from rnnbp.numerics import flag
from rnnbp.planning.budget import BudgetError, is_budget, parse_budget, shown, with_margin
from rnnbp.planning.forecast import forecast_of
from rnnbp.planning.online import online
from rnnbp.planning.plan import Plan
from rnnbp.planning.run_sizes import sizes_of_run
from rnnbp.planning.sizes import Sizes
from rnnbp.schedules import Online, ScheduleLike, resized, sweep
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


def resolve(
    checkpoint: ScheduleLike | Plan,
    problem: Problem,
    objective: Objective,
    *,
    chunk: int | None,
    dx: bool | None,
    return_y: bool,
) -> Resolved:
    """Return what a run does, and what that takes.

    Args:
        checkpoint: a name, a schedule, a function of the number of chunks, a budget, or a Plan.
        problem: in chunks of the length ``chunk``, or of the default; a budget chooses its own.
        chunk, dx, return_y: as of ``bptt``.

    Raises:
        BudgetError: for a budget in which nothing fits, or a plan for another run.
        ScheduleError: for a schedule that cannot be run.
        ValueError, TypeError: for a checkpoint that is none of these, and what cannot be kept.
    """
    plan = checkpoint if isinstance(checkpoint, Plan) else None
    schedule: ScheduleLike = (
        checkpoint.chosen.schedule if isinstance(checkpoint, Plan) else checkpoint
    )
    returned = _returns_y(problem, return_y)
    kept = _keeps_dx(problem, plan, dx if dx is None else flag("dx", dx))
    sizes = sizes_of_run(objective, dx=kept, return_y=returned)
    if plan is None and is_budget(schedule):
        if chunk is not None:
            raise BudgetError(
                f"a budget chooses the chunks too, found chunk={chunk}; leave chunk and horizon out"
            )
        budget = parse_budget(schedule)
        if not problem.known:
            length, slots = online(sizes, budget)
            return _of_stream(Online(slots), replace(problem, chunk=length), sizes)
        plan = known_plan(sizes, problem.steps, budget)
    if plan is not None:
        _check_plan(plan, problem, sizes, chunk)
        problem, schedule = (
            replace(problem, chunk=min(plan.chunk, problem.steps)),
            plan.chosen.schedule,
        )
    if not problem.known:
        return _of_stream(schedule, problem, sizes)
    parts = problem.chunks, problem.steps, problem.chunk
    found = (
        _checked_name(schedule, *parts) if isinstance(schedule, str) else _checked(schedule, *parts)
    )
    return Resolved(problem, sizes, *found, plan)


def _checked(
    schedule: ScheduleLike, chunks: int, steps: int, chunk: int
) -> tuple[Iterable[Action], Simulation]:
    actions = schedule_of(schedule, chunks)
    return actions, simulate(actions, chunks, steps=steps, chunk=chunk)


_checked_name = lru_cache(_checked)
"""The same of a schedule by its name: training resolves it at every update."""


def _of_stream(schedule: ScheduleLike, problem: Problem, sizes: Sizes) -> Resolved:
    return Resolved(problem, sizes, _following(schedule, problem), None)


def _following(schedule: ScheduleLike, problem: Problem) -> Iterator[Action]:
    """The actions for a stream whose end is seen when it comes."""
    present, n = sweep(schedule), 0
    while problem.x.has((n + 1) * problem.chunk):
        yield from present.forward()
        n += 1
    yield from present.end()


def _returns_y(problem: Problem, asked: bool) -> bool:
    """True if y is kept. Raises ValueError where it cannot be."""
    if flag("return_y", asked) and not problem.known:
        raise ValueError(
            "return_y=True, but x is a stream of unknown length; give steps=, or leave it out"
        )
    return bool(asked)


def _keeps_dx(problem: Problem, plan: Plan | None, asked: bool | None) -> bool:
    """True if a run keeps the gradient by x. Raises ValueError where it cannot."""
    if isinstance(problem.x, Stream):
        if asked:
            raise ValueError(
                "dx=True, but x is a stream, whose gradient is not kept; give an array, or leave "
                "dx out"
            )
        return False
    if plan is None:
        return not problem.x.mapped if asked is None else asked
    if asked not in (None, plan.sizes.dx):
        raise BudgetError(
            f"the plan is for dx={plan.sizes.dx}, found dx={asked}; plan for that, or leave it out"
        )
    return plan.sizes.dx


def _check_plan(plan: Plan, problem: Problem, sizes: Sizes, chunk: int | None) -> None:
    """Raise BudgetError where the run is not the one that was planned, and would take more."""
    if chunk not in (None, plan.chunk):
        raise BudgetError(
            f"the plan is for chunks of {plan.chunk} steps, found chunk={chunk}; leave chunk out"
        )
    chunks = math.ceil(plan.steps / plan.chunk)
    if not problem.known or chunks != math.ceil(problem.steps / plan.chunk):
        found = f"{problem.steps} steps" if problem.known else "a stream; give steps= with it"
        raise BudgetError(
            f"the plan is for {chunks} chunks of {plan.chunk} steps, found {found}; plan anew"
        )
    if sizes == plan.sizes:
        return
    again = forecast_of(sizes, plan.chosen.schedule, problem.steps, plan.chunk)
    needed = with_margin(again.peak_bytes + again.object_bytes)
    if needed > plan.budget:
        raise BudgetError(
            f"the plan is for {shown(plan.budget)}, but this run would need "
            f"{shown(needed, up=True)}: the batch size, the loss, or the dtype or memory order of "
            f"x differ from those planned for; make a new plan, or pass bptt the budget itself"
        )


def for_batch(
    checkpoint: ScheduleLike | Plan, steps: int, chunk: int | None
) -> ScheduleLike | Plan:
    """What a ``checkpoint`` of training means for a batch of ``steps`` steps, whose dx nobody
    reads.

    A Plan for another number of chunks is made anew, within its budget and by its costs.
    """
    if is_budget(checkpoint):
        return checkpoint
    if not isinstance(checkpoint, Plan):
        length = min(DEFAULT_CHUNK if chunk is None else chunk, steps)
        return resized(checkpoint, math.ceil(steps / length))
    sizes = replace(checkpoint.sizes, dx=False)
    if math.ceil(checkpoint.steps / checkpoint.chunk) == math.ceil(steps / checkpoint.chunk):
        return checkpoint if sizes == checkpoint.sizes else replace(checkpoint, sizes=sizes)
    return known_plan(sizes, steps, checkpoint.budget, checkpoint.costs)
