"""What a ``checkpoint`` argument means for a network: its chunks, and the schedule of each sweep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from rnnbp.graph.network import Network
from rnnbp.planning.budget import BudgetError, is_budget, parse_budget, shown, with_margin
from rnnbp.planning.network_parts import NetworkChoice
from rnnbp.planning.network_plan import NetworkPlan
from rnnbp.planning.network_text import chunks_text, steps_text
from rnnbp.planning.plan import Plan, planned_otherwise
from rnnbp.planning.rough_costs import counted
from rnnbp.schedules import ScheduleLike
from rnnbp.support.memo import Recent
from rnnbp.support.prepared import Remembered
from rnnbp.sweeps.blocks import Place
from rnnbp.sweeps.chunk_rows import ChunkRows
from rnnbp.sweeps.described import Described
from rnnbp.sweeps.layouts import Layout
from rnnbp.sweeps.network import PosedNetwork
from rnnbp.sweeps.network_plan import choice_of
from rnnbp.sweeps.outputs import stages_of_network
from rnnbp.sweeps.wanted import Wanted

_plans = Remembered[Network, Recent[tuple[object, ...], NetworkChoice]](lambda network: Recent(64))
"""The last plans of a network, because training plans again at every update."""
_needed = Remembered[Network, Recent[tuple[object, ...], int | None]](lambda network: Recent(64))
"""What runs by plans need, likewise."""


def scheduled(
    network: PosedNetwork,
    wanted: Wanted,
    checkpoint: ScheduleLike | Plan,
    chunk: object = None,
) -> tuple[PosedNetwork, Wanted, Callable[[int], ScheduleLike]]:
    """(the network in the chunks of the run, what is wanted, the schedule of each sweep).

    Args:
        checkpoint: as of ``bptt``: a schedule for every sweep, a budget for all of them, or a plan.
        chunk: as of ``bptt``; None where the network's chunks were not passed.

    Raises BudgetError where nothing fits, TypeError for a plan of another kind.
    """
    choice: NetworkChoice | None = None
    if isinstance(checkpoint, NetworkPlan):
        choice = _of_plan(checkpoint, network, wanted, chunk)
    elif is_budget(checkpoint):
        chunks = None if chunk is None else {axis: of.chunk for axis, of in network.rows.items()}
        choice = known_plan(network, wanted, parse_budget(checkpoint, "checkpoint"), chunks)
    if choice is None:
        schedule = schedule_of_sweeps(checkpoint)
        return network, wanted, lambda sweep: schedule
    rows = {axis: ChunkRows(of, choice.chunks[axis]) for axis, of in network.lengths.items()}
    place, schedules = Place(choice.disk, wanted.place.folder), choice.schedules
    return replace(network, rows=rows), replace(wanted, place=place), lambda sweep: schedules[sweep]


def schedule_of_sweeps(checkpoint: ScheduleLike | Plan) -> ScheduleLike:
    """A schedule for all sweeps. Raises TypeError for a plan of one sweep."""
    if isinstance(checkpoint, Plan):
        raise TypeError(
            "checkpoint is a plan of a model of one sweep, and this run is one of a network over "
            "time; make a plan of it, with the same lengths= and reset="
        )
    return checkpoint


def _of_plan(
    plan: NetworkPlan, network: PosedNetwork, wanted: Wanted, chunk: object
) -> NetworkChoice:
    """The schedules of a plan; in training those of a plan anew where it is of other sequences."""
    if not plan.adapts:
        check_plan(plan, network, wanted, chunk)
        return plan.choice
    try:
        check_plan(plan, network, replace(wanted, keeps_dx=plan.keeps_dx), chunk)
    except BudgetError:
        return known_plan(network, wanted, plan.budget)
    return plan.choice


def check_plan(plan: NetworkPlan, network: PosedNetwork, wanted: Wanted, chunk: object) -> None:
    """Raise BudgetError where a run is not the one that was planned, and would take more."""
    chunks = plan.choice.chunks
    if chunk is not None and any(chunks.get(a) != of.chunk for a, of in network.rows.items()):
        raise BudgetError(
            f"the plan is for chunks of {chunks_text(chunks)}, found chunk={chunk}; leave chunk out"
        )
    kept = ("dx", plan.keeps_dx, wanted.keeps_dx), ("return_y", plan.returns_y, wanted.returns_y)
    for name, planned, found in kept:
        if planned != found:
            raise BudgetError(
                f"the plan is for {name}={planned}, found {name}={found}; plan for that, or give "
                f"{name}={planned}"
            )
    key = _key(network, wanted), tuple(chunks.items()), plan.choice.schedules, plan.choice.disk
    known = _needed.of(network.graph.origin)
    needed = known.get(key, lambda: _needs(plan.choice, network, wanted))
    if needed is None:
        steps = {axis: of.longest for axis, of in network.lengths.items()}
        raise BudgetError(
            f"the plan is for {plan.steps_text}, found {steps_text(steps)}; plan anew, with the "
            "lengths of these sequences"
        )
    if with_margin(needed) > plan.budget:
        raise BudgetError(
            f"the plan is for {shown(plan.budget)}, but this run would need "
            f"{shown(with_margin(needed), up=True)}: "
            + planned_otherwise(plan, network.backend, "the batch size, the lengths, the losses")
        )


def _needs(choice: NetworkChoice, network: PosedNetwork, wanted: Wanted) -> int | None:
    """The bytes of a run by a choice; None where its schedules are for other chunks."""
    if choice.chunks.keys() != network.lengths.keys():
        return None
    stages = stages_of_network(network)
    layout = Layout(network, stages, wanted, choice.chunks, disk=choice.disk)
    chunks = [sweep.rows.chunks for sweep in layout.found.sweeps]
    if chunks != [schedule.chunks for schedule in choice.schedules]:
        return None
    costs = [None] * len(chunks)
    of = Described(layout.network, layout.found, choice.schedules, costs, choice.disk)
    found = of.forecast()
    return found.peak_bytes + found.object_bytes


def known_plan(
    network: PosedNetwork,
    wanted: Wanted,
    budget: int,
    chunks: Mapping[str, int] | None = None,
) -> NetworkChoice:
    """The plan of a run; the last of each network are remembered.

    Args:
        chunks: by axis, the steps in a chunk; None to choose them.
    """
    key = _key(network, wanted), budget, tuple((chunks or {}).items()), counted.get()
    stages = stages_of_network(network)
    plans = _plans.of(network.graph.origin)
    return plans.get(key, lambda: choice_of(network, stages, wanted, budget, chunks))


def _key(network: PosedNetwork, wanted: Wanted) -> tuple[object, ...]:
    """What runs have in common that take as many bytes."""
    outputs = [(each.trained, each.whole, each.needs) for each in wanted.outputs]
    kept = wanted.returns_y, wanted.keeps_dx, wanted.final, wanted.place.folder
    rows = [(axis, of.steps, of.sorted.tobytes()) for axis, of in network.lengths.items()]
    how = network.dtype, network.backend, network.training, bool(network.resets)
    return (*rows, *outputs, *kept, *how, tuple(map(repr, network.shapes)), network.copied)
