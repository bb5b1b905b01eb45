"""Plans and forecasts of networks over time, from the arguments of ``plan`` and ``forecast``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from rnnbp.bptt.networks import Ahead, Allowed
from rnnbp.graph.graph import Graph
from rnnbp.planning.budget import margin
from rnnbp.planning.choice import thinned
from rnnbp.planning.costs import Costs
from rnnbp.planning.forecast import Forecast
from rnnbp.planning.network_parts import NetworkChoice
from rnnbp.planning.network_plan import NetworkPlan
from rnnbp.planning.plan import Plan
from rnnbp.planning.search import Candidate
from rnnbp.schedules import All, ScheduleLike
from rnnbp.schedules.sized import SizedSchedule
from rnnbp.sweeps.ahead import pose_ahead
from rnnbp.sweeps.by_axis import axes_of, chunks_by_axis
from rnnbp.sweeps.chunk_rows import ChunkRows
from rnnbp.sweeps.described import Described
from rnnbp.sweeps.layouts import Layout, Limits
from rnnbp.sweeps.measuring import costs_of
from rnnbp.sweeps.menus import MOST
from rnnbp.sweeps.network_plan import Layouts, choices_between, chosen_of
from rnnbp.sweeps.outputs import stages_of_network
from rnnbp.sweeps.parts import parts_of_sweeps
from rnnbp.sweeps.scheduling import check_plan, schedule_of_sweeps
from rnnbp.sweeps.seconds import seconds_by_counts, seconds_of
from rnnbp.sweeps.stage import Sweep


def planned(graph: Graph, ahead: Ahead, allowed: Allowed) -> NetworkPlan:
    """The plan of a network.

    Raises BudgetError where nothing fits, and as ``pose_ahead`` does.
    """
    network, wanted = pose_ahead(graph, ahead, dx=ahead.dx, return_y=ahead.return_y)
    stages = stages_of_network(network)
    sweeps = [stage for stage in stages if isinstance(stage, Sweep)]
    parts = parts_of_sweeps(graph, sweeps, allowed.parts)
    room, disk = allowed.budget - margin(allowed.budget), allowed.disk or math.inf
    limits = Limits(room, allowed.parts, parts, disk)
    chunks = chunks_by_axis("plan: chunk", axes_of(graph), ahead.chunk)
    choice = chosen_of(Layouts(network, stages, wanted, chunks), allowed.budget, limits)
    layout = Layout(network, stages, wanted, choice.chunks, disk=choice.disk)
    found = _shown(layout, choice, allowed, parts)
    costs = [each.costs for each in found.sweeps]

    def others() -> list[Candidate]:
        search = Layouts(network, stages, wanted, chunks)
        rows = [_candidate(search, each, costs) for each in choices_between(search, limits)]
        return thinned(rows, found.chosen)

    return replace(
        found, others=None if allowed.parts else others
    )  # parts have budgets of their own


def _candidate(search: Layouts, choice: NetworkChoice, costs: Sequence[Costs]) -> Candidate:
    """A choice as a row of the table of a plan; seconds by the costs of its sweeps."""
    layout = Layout(*search.given, choice.chunks, disk=choice.disk)
    every = [sweep.rows for sweep in layout.found.sweeps]
    seconds = sum(_row_seconds(*each) for each in zip(choice.schedules, every, costs, strict=True))
    return Candidate(
        _name(choice, layout), choice.schedules[0], every[0].chunk, choice.bytes, seconds
    )


def _row_seconds(schedule: SizedSchedule, rows: ChunkRows, costs: Costs) -> float:
    """Of a sweep, in a table: of a long schedule by its counts, so that it is printed at once."""
    by = seconds_of if schedule.steps <= MOST else seconds_by_counts
    return by(schedule, rows, costs)


def _name(choice: NetworkChoice, layout: Layout) -> str:
    """What the sweeps do, each schedule named once."""
    return "; ".join(dict.fromkeys(choice.names)) + ", edges in files" * (layout.on_disk > 0)


def _shown(
    layout: Layout, choice: NetworkChoice, allowed: Allowed, parts: Sequence[str]
) -> NetworkPlan:
    """A plan, from the choice that it is of."""
    costs, longest = _costs(layout, allowed), layout.longest
    of = Described(layout.network, layout.found, choice.schedules, costs, choice.disk)
    found = of.forecast()
    seconds, first = found.seconds or 0.0, of.found.sweeps[0]
    bytes_ = choice.schedules[0], first.rows.chunk, choice.bytes, seconds
    candidate = Candidate(_name(choice, layout), *bytes_)
    return NetworkPlan(
        budget=allowed.budget,
        steps=max(longest.values()),
        chosen=candidate,
        ratio=seconds / _cached(layout, costs),
        frontier=(candidate,),
        costs=costs[0],
        sizes=first.sizes,
        disk=allowed.disk,
        longest=longest,
        sweeps=of.planned(choice.names, parts),
        edges=of.edges(),
        choice=choice,
        parts=allowed.parts,
        joint=found,
        keeps_dx=layout.wanted.keeps_dx,
        returns_y=layout.wanted.returns_y,
    )


def _costs(layout: Layout, allowed: Allowed) -> list[Costs]:
    """The seconds of actions of each sweep, measured where they were not passed."""
    sweeps, given = layout.found.sweeps, allowed.costs
    if given is not None:
        return [given] * len(sweeps)
    return [costs_of(sweep.sizes, allowed.budget) for sweep in sweeps]


def _cached(layout: Layout, costs: Sequence[Costs]) -> float:
    """Seconds of caching everything, in the same chunks."""
    pairs = zip(layout.found.sweeps, costs, strict=True)
    return sum(seconds_of(All(each.rows.chunks), each.rows, own) for each, own in pairs)


def forecast_of_network(
    graph: Graph, ahead: Ahead, checkpoint: ScheduleLike | Plan, costs: Costs | None
) -> Forecast:
    """The forecast of a run of a network under a schedule for each sweep, or a plan.

    Raises as ``pose_ahead`` and ``simulate`` do.
    """
    network, wanted = pose_ahead(graph, ahead, dx=ahead.dx, return_y=ahead.return_y)
    disk = False
    axes = axes_of(graph)
    chunks: Mapping[str, int] = {
        **{axis: of.chunk for axis, of in network.rows.items()},
        **chunks_by_axis("forecast: chunk", axes, ahead.chunk),
    }
    given: list[ScheduleLike] = []
    if isinstance(checkpoint, NetworkPlan):
        check_plan(checkpoint, network, wanted, ahead.chunk)
        chunks, disk = checkpoint.choice.chunks, checkpoint.choice.disk
        given = [*checkpoint.choice.schedules]
    layout = Layout(network, stages_of_network(network), wanted, chunks, disk=disk)
    count = len(layout.found.sweeps)
    schedules = given or [schedule_of_sweeps(checkpoint)] * count
    of = Described(layout.network, layout.found, schedules, [costs] * count, disk)
    return of.forecast()
