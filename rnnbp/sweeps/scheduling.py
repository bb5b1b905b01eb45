"""What a ``checkpoint`` argument means for a network: its chunks, and the schedule of each sweep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from rnnbp.graph.network import Network
from rnnbp.planning.budget import is_budget, parse_budget
from rnnbp.planning.network_choice import NetworkChoice
from rnnbp.planning.plan import Plan
from rnnbp.schedules import ScheduleLike
from rnnbp.support.memo import Recent
from rnnbp.support.prepared import Remembered
from rnnbp.sweeps.blocks import Place
from rnnbp.sweeps.chunk_rows import ChunkRows
from rnnbp.sweeps.network import PosedNetwork
from rnnbp.sweeps.network_plan import choice_of
from rnnbp.sweeps.outputs import stages_of_network
from rnnbp.sweeps.wanted import Wanted

_plans = Remembered[Network, Recent[tuple[object, ...], NetworkChoice]](lambda network: Recent(64))
"""The last plans of a network, because training plans again at every update."""


def scheduled(
    network: PosedNetwork, wanted: Wanted, checkpoint: ScheduleLike | Plan | NetworkChoice
) -> tuple[PosedNetwork, Wanted, Callable[[int], ScheduleLike]]:
    """(the network in the chunks of the run, what is wanted, the schedule of each sweep).

    Args:
        checkpoint: as of ``bptt``: a schedule for every sweep, or a budget for all of them.

    Raises BudgetError where nothing fits, TypeError for a plan of another kind.
    """
    if isinstance(checkpoint, Plan):
        raise TypeError(
            "checkpoint is a plan of a model of one sweep; a network over time takes a budget, as "
            "'64 MB', or a schedule for all of its sweeps"
        )
    if is_budget(checkpoint):
        checkpoint = known_plan(network, wanted, parse_budget(checkpoint, "checkpoint"))
    if not isinstance(checkpoint, NetworkChoice):
        schedule = checkpoint
        return network, wanted, lambda sweep: schedule
    rows = {axis: ChunkRows(of, checkpoint.chunks[axis]) for axis, of in network.lengths.items()}
    place, schedules = Place(checkpoint.disk, wanted.place.folder), checkpoint.schedules
    return replace(network, rows=rows), replace(wanted, place=place), lambda sweep: schedules[sweep]


def known_plan(network: PosedNetwork, wanted: Wanted, budget: int) -> NetworkChoice:
    """The plan of a run; the last of each network are remembered."""
    graph, lengths = network.graph, network.lengths
    outputs = [(each.trained, each.whole, each.needs) for each in wanted.outputs]
    kept = wanted.returns_y, wanted.keeps_dx, wanted.final, wanted.place.folder
    rows = [(axis, of.steps, of.sorted.tobytes()) for axis, of in lengths.items()]
    how = network.dtype, network.backend, network.training, bool(network.resets)
    key = (*rows, *outputs, *kept, *how, tuple(map(repr, network.shapes)), network.copied, budget)
    plans = _plans.of(graph.origin)
    return plans.get(key, lambda: choice_of(network, stages_of_network(network), wanted, budget))
