"""What a budget or a plan means for a run."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from rnnbp.bptt.planner import measured_for
from rnnbp.graph.graph import Graph
from rnnbp.graph.model_split import lasting
from rnnbp.graph.recurrent import Recurrent
from rnnbp.inputs.objective import Objective
from rnnbp.inputs.problem import DEFAULT_CHUNK, Problem
from rnnbp.inputs.streams import Stream
from rnnbp.planning import tables
from rnnbp.planning.budget import BudgetError, is_budget, margin, parse_budget, shown, too_small, with_margin
from rnnbp.planning.costs import Costs
from rnnbp.planning.forecast import foretell
from rnnbp.planning.objects import WAYS
from rnnbp.planning.plan import Plan, choose
from rnnbp.planning.run_sizes import sizes_of_run
from rnnbp.planning.sizes import OWN, Sizes
from rnnbp.schedules import Online, ScheduleLike, resized
from rnnbp.support.memo import Recent
from rnnbp.support.weak import WeakKeys


def keeps_dx(problem: Problem, checkpoint: ScheduleLike | Plan, asked: bool | None) -> bool:
    """Whether a run keeps the gradient by x. Raises ValueError where it was asked for and cannot be."""
    if isinstance(problem.x, Stream):
        if asked:
            raise ValueError("dx=True, but x is a stream, whose gradient is not kept; give an array, or leave dx out")
        return False
    if isinstance(checkpoint, Plan):
        if asked not in (None, checkpoint.sizes.dx):
            raise BudgetError(
                f"the plan is for dx={checkpoint.sizes.dx}, found dx={asked}; plan for that, or leave it out"
            )
        return checkpoint.sizes.dx
    return not problem.x.mapped if asked is None else asked


def settle(
    problem: Problem, objective: Objective, checkpoint: ScheduleLike | Plan, chunk: int | None, *, dx: bool
) -> tuple[Problem, ScheduleLike | Plan]:
    """What a budget or a plan means for a run: the problem in its chunks, and its plan, or online schedule."""
    if is_budget(checkpoint):
        if chunk is not None:
            raise BudgetError(f"a budget chooses the chunks too, found chunk={chunk}; leave chunk and horizon out")
        sizes, budget = sizes_of_run(objective, dx=dx, return_y=objective.return_y), parse_budget(checkpoint)
        if not problem.known:
            length, slots = online(sizes, budget)
            return replace(problem, chunk=length), Online(slots)
        checkpoint = _planned(sizes, problem.steps, budget)
    if not isinstance(checkpoint, Plan):
        return problem, checkpoint
    if chunk not in (None, checkpoint.chunk):
        raise BudgetError(f"the plan is for chunks of {checkpoint.chunk} steps, found chunk={chunk}; leave chunk out")
    _check_plan(checkpoint, problem, sizes_of_run(objective, dx=dx, return_y=objective.return_y))
    return replace(problem, chunk=min(checkpoint.chunk, problem.steps)), checkpoint


_plans: WeakKeys[Graph | Recurrent, Recent[Any, Plan]] = WeakKeys()


def _planned(sizes: Sizes, steps: int, budget: int, costs: Costs | None = None) -> Plan:
    """The plan; of the last shapes of a model it is remembered, for training asks for it at every
    update."""
    key = OWN(sizes), sizes.parts.settings(), steps, budget, None if costs is None else repr(costs)

    def planned() -> Plan:
        plan = choose(sizes, steps, budget, costs or measured_for(sizes, steps, budget))
        return replace(plan, sizes=None)  # type: ignore[arg-type]  # sizes hold the model; put back below

    return replace(_plans.setdefault(lasting(sizes.model), Recent(64)).get(key, planned), sizes=sizes)


def forget_plans(model: Graph) -> None:
    """Plan anew for a model: other costs have been put in the place of those that were measured."""
    _plans.forget(lasting(model))


def for_batch(checkpoint: ScheduleLike | Plan, steps: int, chunk: int | None) -> ScheduleLike | Plan:
    """What a ``checkpoint`` of training means for a batch of ``steps`` steps, whose gradient by x
    nobody reads.

    A Plan that is for another number of steps is made anew, within its budget and by its costs.
    """
    if is_budget(checkpoint):
        return checkpoint
    if not isinstance(checkpoint, Plan):
        length = min(DEFAULT_CHUNK if chunk is None else chunk, steps)
        return resized(checkpoint, math.ceil(steps / length))
    sizes = replace(checkpoint.sizes, dx=False, settings=None)
    if math.ceil(checkpoint.steps / checkpoint.chunk) == math.ceil(steps / checkpoint.chunk):
        return checkpoint if sizes == checkpoint.sizes else replace(checkpoint, sizes=sizes)
    return _planned(sizes, steps, checkpoint.budget, checkpoint.costs)


def _check_plan(plan: Plan, problem: Problem, sizes: Sizes) -> None:
    """Raise BudgetError where the run is not the one that was planned, and would take more."""
    chunks = math.ceil(plan.steps / plan.chunk)
    if not problem.known or chunks != math.ceil(problem.steps / plan.chunk):
        found = f"{problem.steps} steps" if problem.known else "a stream; give steps= with it"
        raise BudgetError(f"the plan is for {chunks} chunks of {plan.chunk} steps, found {found}; plan anew")
    if sizes == plan.sizes:
        return
    again = foretell(sizes, plan.chosen.schedule, problem.steps, plan.chunk)
    needed = with_margin(again.peak_bytes + again.object_bytes)
    if needed > plan.budget:
        raise BudgetError(
            f"the plan is for {shown(plan.budget)}, but this run would need {shown(needed, up=True)}: its batch, "
            f"loss, or the dtype or order of its x are others; plan for these, or give bptt the budget itself"
        )


def online(sizes: Sizes, budget: int) -> tuple[int, int]:
    """(chunk length, slots) for a sequence of unknown length: those that reverse the most steps in two reruns."""
    best = (0, 0, 0)
    for length in (2**k for k in range(11)):
        held = _one_tape(sizes, length)
        slots = (budget - margin(budget) - held) // max(1, sizes.slot + sizes.objects.held(length, slots=1))
        if slots >= 1:
            best = max(best, (length * math.comb(slots + 2, 2), length, slots))
    if not best[0]:
        raise too_small(budget, _one_tape(sizes, 1) + sizes.slot + sizes.objects.held(1, slots=1))
    return best[1], best[2]


def _one_tape(sizes: Sizes, length: int) -> int:
    """What is held with no slot, by as many chunks as there may be."""
    held = sizes.gradients(0, parted=True)
    held += sizes.standing + sizes.program(length) + sizes.tape(length) + sizes.workspace(length)
    held += tables.of_all(sizes, 2 * length - 1, length)  # the last chunk, which may be shorter, has its own
    return held + sizes.objects.standing(WAYS) + sizes.objects.held(length, tapes=1)
