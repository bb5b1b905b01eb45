"""The stages of a network run forward only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rnnbp.bptt.ragged_chunks import RaggedChunks
from rnnbp.bptt.sweep_chunks import SweepChunks
from rnnbp.graph.over_time.last import Last
from rnnbp.inputs.states import States
from rnnbp.losses.outputs import Scalar
from rnnbp.rng import Context
from rnnbp.sweeps.loss_sinks import ValueSink
from rnnbp.sweeps.network import PosedNetwork
from rnnbp.sweeps.output_losses import Output
from rnnbp.sweeps.outputs import stages_of_network
from rnnbp.sweeps.running import RunningSweep
from rnnbp.sweeps.shared import Shared
from rnnbp.sweeps.sinks import ReductionSink, ResultSink, Sink
from rnnbp.sweeps.stage import Stage, Sweep
from rnnbp.sweeps.static_nodes import StaticNodes
from rnnbp.sweeps.wanted import Wanted


def run_forward(
    network: PosedNetwork, outputs: Sequence[Output], sinks: Mapping[int, Sink], seed: int
) -> Shared:
    """Run all stages; an edge is released once all have read it.

    Args:
        sinks: by number of an output that is a series, where its values go.
    """
    graph, stages = network.graph, stages_of_network(network)
    shared = Shared.of(network)
    context = Context(seed, training=network.training, dtype=network.dtype)
    shapes, readers, results = list(network.shapes), _last_readers(stages), by_value(outputs, sinks)
    for at, stage in enumerate(stages):
        if isinstance(stage, Sweep):
            _run_sweep(RunningSweep(stage, shared, results, Wanted(graph, outputs)), seed)
        else:
            args = graph, stage.nodes, shapes, context, network.batch
            StaticNodes(*args).forward(shared.values, keep=False)
        for value in [k for k in shared.edges if readers.get(k) == at]:
            del shared.edges[value]
    return shared


def by_value(outputs: Sequence[Output], sinks: Mapping[int, Sink]) -> dict[int, list[Sink]]:
    """Sinks by number of a value, from those by number of an output."""
    found: dict[int, list[Sink]] = {}
    for output in outputs:
        if output.number in sinks:
            found.setdefault(output.value, []).append(sinks[output.number])
    return found


def _last_readers(stages: Sequence[Stage]) -> dict[int, int]:
    """By number of a series, the last stage that reads it."""
    return {
        source.value: at
        for at, stage in enumerate(stages)
        if isinstance(stage, Sweep)
        for source in stage.inputs
    }


def _run_sweep(sweep: RunningSweep, seed: int) -> None:
    """Run the chunks of a sweep."""
    problem, outlets = sweep.problem, sweep.outlets
    kind = SweepChunks if problem.rows is None else RaggedChunks
    chunks = kind(problem, outlets.wanted, seed=seed, training=problem.training)
    chunks.compute_fixed(keep=False)
    state: States = problem.state
    for n in problem.numbers():
        state, ys = chunks.advance_taken(n, state)
        outlets.take(n, ys)
        state = chunks.leave(n, state)
    sweep.hand_on(chunks.ended(state))


def kept_outputs(
    network: PosedNetwork, outputs: Sequence[Output], *, last: bool
) -> dict[int, ResultSink | ReductionSink]:
    """By number of an output that is a series, what keeps it.

    Args:
        last: True to keep the last step of each row.
    """
    found: dict[int, ResultSink | ReductionSink] = {}
    for output in outputs:
        if output.static:
            continue
        rows = network.rows_of(output.value)
        if last:
            size = rows.batch, rows.steps, output.shape, network.dtype
            found[output.number] = ReductionSink(Last().begin(*size), rows)
        else:
            found[output.number] = ResultSink(rows, output.shape, network.dtype)
    return found


def losses_of(
    network: PosedNetwork, outputs: Sequence[Output], seed: int
) -> tuple[list[Scalar], Shared]:
    """(the loss of each output, without its factor, 0 of one that has none; what the stages leave)."""
    taken = {
        each.number: ValueSink(each, network.rows_of(each.value), network.dtype)
        for each in outputs
        if each.objective is not None and not each.static
    }
    others = [each for each in outputs if each.objective is None]
    sinks = {**kept_outputs(network, others, last=False), **taken}
    shared = run_forward(network, outputs, sinks, seed)
    found = list[Scalar]()
    for each in outputs:
        static = each.static and each.objective is not None
        value = each.static_loss(shared.values[each.value]) if static else 0.0
        found.append(taken[each.number].value() if each.number in taken else value)
    return found, shared
