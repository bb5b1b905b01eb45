"""Checks of what a run keeps, and of a plan against the run that it is passed to."""

from __future__ import annotations

from rnnbp.inputs.problem import Problem
from rnnbp.inputs.streams import Stream
from rnnbp.numerics import flag
from rnnbp.planning.budget import BudgetError, shown, with_margin
from rnnbp.planning.forecast import forecast_of
from rnnbp.planning.network_plan import refuse_network
from rnnbp.planning.plan import Plan, check_length, planned_otherwise
from rnnbp.planning.sizes import Sizes


def returns_y(problem: Problem, asked: bool) -> bool:
    """True if y is kept. Raises ValueError where it cannot be."""
    if flag("return_y", asked) and not problem.known:
        raise ValueError(
            "return_y=True, but x is a stream of unknown length; give steps=, or leave it out"
        )
    return bool(asked)


def keeps_dx(problem: Problem, plan: Plan | None, asked: bool | None) -> bool:
    """True if a run keeps the gradient by x. Raises ValueError where it cannot."""
    series = problem.series
    if [part for part in series if isinstance(part, Stream)]:
        if asked:
            raise ValueError(
                "dx=True, but x is a stream, whose gradient is not kept; give an array, or leave "
                "dx out"
            )
        return False
    if plan is None:
        if asked is not None:
            return asked
        return not [part for part in series if part.mapped]
    if asked not in (None, plan.sizes.dx):
        raise BudgetError(
            f"the plan is for dx={plan.sizes.dx}, found dx={asked}; plan for that, or leave it out"
        )
    return plan.sizes.dx


def check_plan(plan: Plan, problem: Problem, sizes: Sizes, chunk: int | None) -> None:
    """Raise BudgetError where the run is not the one that was planned, and would take more."""
    refuse_network(plan)
    check_length(plan, problem.steps if problem.known else None, chunk)
    if sizes == plan.sizes:
        return
    again = forecast_of(sizes, plan.chosen.schedule, problem.steps, plan.chunk)
    needed = with_margin(again.peak_bytes + again.object_bytes)
    if needed > plan.budget:
        held = plan.held.total
        with_held = f", with {shown(held)} that training holds" if held else ""
        raise BudgetError(
            f"the plan is for {shown(plan.budget + held)}, but this run would need "
            f"{shown(needed + held, up=True)}{with_held}: "
            + planned_otherwise(plan, sizes.backend, "the batch size, the loss")
        )
