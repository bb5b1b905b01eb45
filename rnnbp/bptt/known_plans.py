"""Plans of the last shapes of a model, because training plans again at every update."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from rnnbp.bptt.planner import measured_for
from rnnbp.graph.graph import Graph
from rnnbp.graph.model_split import lasting
from rnnbp.graph.recurrent import Recurrent
from rnnbp.planning.budget import is_budget
from rnnbp.planning.choice import choose
from rnnbp.planning.costs import Costs
from rnnbp.planning.network_plan import NetworkPlan
from rnnbp.planning.plan import Plan
from rnnbp.planning.rough_costs import counted
from rnnbp.planning.sizes import OWN, Sizes
from rnnbp.schedules import ScheduleLike, resized
from rnnbp.support.memo import Recent
from rnnbp.support.prepared import Remembered

Planned: TypeAlias = Callable[[Sizes], Plan]
"""A plan but for its sizes, which hold the model: what is remembered of it must not."""
_plans = Remembered[Graph | Recurrent, Recent[tuple[object, ...], Planned]](
    lambda model: Recent(64)
)


def known_plan(sizes: Sizes, steps: int, budget: int, costs: Costs | None = None) -> Plan:
    """Return the plan of a run; the last 64 of each model are remembered.

    Args:
        steps: T.
        budget: bytes.
        costs: seconds of actions; None for those that are measured.
    """
    key = OWN(sizes), steps, budget, None if costs is None else repr(costs), counted.get()

    def planned() -> Planned:
        of = choose(sizes, steps, budget, costs or measured_for(sizes, steps, budget))
        return partial(Plan, budget, steps, of.chosen, of.ratio, of.frontier, of.costs)

    return _plans.of(lasting(sizes.model)).get(key, planned)(sizes)


def forget_plans(model: Graph) -> None:
    """Plan anew for a model: other costs have been put in the place of those that were measured."""
    _plans.forget(lasting(model))


def for_batch(checkpoint: ScheduleLike | Plan, steps: int, chunk: int) -> ScheduleLike | Plan:
    """What a ``checkpoint`` of training means for a batch of ``steps`` steps, without dx, in chunks
    of ``chunk`` where no plan chooses them.

    A Plan for another number of chunks is made anew, within its budget and by its costs; that of a
    network over time by the run itself, which knows the lengths.
    """
    if is_budget(checkpoint):
        return checkpoint
    if not isinstance(checkpoint, Plan):
        return resized(checkpoint, math.ceil(steps / chunk))
    if isinstance(checkpoint, NetworkPlan):
        return replace(checkpoint, adapts=True)
    sizes = replace(checkpoint.sizes, dx=False)
    if math.ceil(checkpoint.steps / checkpoint.chunk) == math.ceil(steps / checkpoint.chunk):
        return checkpoint if sizes == checkpoint.sizes else replace(checkpoint, sizes=sizes)
    return known_plan(sizes, steps, checkpoint.budget, checkpoint.costs)
