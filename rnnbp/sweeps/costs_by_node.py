"""What each node of a network over time keeps for the way back, and its operations."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import final

from rnnbp.bptt.networks import Ahead
from rnnbp.compiler.counting import layer_flops
from rnnbp.compiler.explain import explained
from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.value_pers import value_pers
from rnnbp.layers.base import Layer
from rnnbp.numerics import Shape
from rnnbp.planning.summary_costs import by_row
from rnnbp.planning.summary_rehearsal import SummaryRehearsal
from rnnbp.summaries import Summary
from rnnbp.sweeps.ahead import pose_ahead
from rnnbp.sweeps.by_axis import axes_of, chunks_by_axis
from rnnbp.sweeps.layouts import Layout
from rnnbp.sweeps.network import PosedNetwork
from rnnbp.sweeps.outputs import stages_of_network
from rnnbp.sweeps.recurrent_nodes import recurrent_of_node
from rnnbp.sweeps.stage import StaticStage
from rnnbp.sweeps.sweep_bytes import SweepBytes
from rnnbp.sweeps.sweep_graphs import places_of


def with_costs(found: Summary, graph: Graph, ahead: Ahead) -> Summary:
    """A summary with those of each node of a network, of sequences that all have all steps.

    Raises as ``pose_ahead`` does.
    """
    network, wanted = pose_ahead(graph, ahead, dx=True, return_y=False)
    axes = axes_of(graph)
    chunks = {axis: of.chunk for axis, of in network.rows.items()}
    chunks |= chunks_by_axis(f"{ahead.caller}: chunk", axes, ahead.chunk)
    stages = stages_of_network(network)
    layout = Layout(network, stages, wanted, chunks, disk=False)
    kept = dict.fromkeys([node.number for node in graph.nodes], 0)
    numbers = {place: number for number, place in places_of(graph).items()}
    for sweep in layout.found.sweeps:
        for place, nbytes in _kept(sweep).items():
            kept[numbers[place % (2 * len(graph.nodes))]] += nbytes
    for stage in stages:
        for node in stage.nodes if isinstance(stage, StaticStage) else ():
            sizes = [math.prod(layout.found.shapes[k]) for k in node.outs]
            kept[node.number] += network.batch * sum(sizes) * network.dtype.itemsize
    flops = _Flops(network, layout.found.shapes)
    each = [(kept[node.number], flops.of(node)) for node in graph.nodes]
    costs = zip(found.rows, by_row(graph, each), strict=True)
    steps = {axis: of.longest for axis, of in network.lengths.items()}
    return replace(
        found,
        rows=tuple([replace(row, kept_bytes=nbytes, flops=n) for row, (nbytes, n) in costs]),
        steps=steps if len(steps) > 1 else next(iter(steps.values())),
        batch=network.batch,
        kept_bytes=sum(nbytes for nbytes, _ in each),
        flops=sum(n or 0 for _, n in each),
        uncounted=tuple(dict.fromkeys(flops.uncounted)),
    )


def _kept(sweep: SweepBytes) -> dict[int, int]:
    """Bytes of the tapes of all chunks, by number of a node of the sweep."""
    rows, found = sweep.rows, dict[int, int]()
    for n in range(rows.chunks):
        for number, nbytes in SummaryRehearsal(sweep.sizes, rows.length(n)).kept().items():
            found[number] = found.get(number, 0) + nbytes
    return found


@final
class _Flops:
    """Operations of nodes forward; ``uncounted`` are the layers that are not counted."""

    def __init__(self, network: PosedNetwork, static: Mapping[int, Shape]) -> None:
        self.network, self.pers = network, value_pers(network.graph)
        every = enumerate(network.shapes)
        self.shapes: Sequence[Shape] = [static.get(k, shape or ()) for k, shape in every]
        self.uncounted: list[str] = []

    def of(self, node: Node) -> int | None:
        """Of a node."""
        network, batch = self.network, self.network.batch
        recurrent = recurrent_of_node(node)
        axis = network.axes[node.args[0]] if node.args else ""
        steps = network.lengths[axis].longest if axis else 1
        inputs = [self.shapes[k] for k in node.args]
        if recurrent is not None:
            read = explained(recurrent.cell, tuple(inputs[: recurrent.cell.n_inputs]), batch)
            self.uncounted += read.opaque
            return read.flops_per_step * steps
        if not isinstance(node.block, Layer):
            return 0  # a reduction looks up, or adds up once
        each = layer_flops(node.block, inputs, [self.shapes[k] for k in node.outs])
        if each is None:
            self.uncounted.append(repr(node.block))
            return None
        times = {"step": steps * batch, "sequence": batch, "run": 1}
        return each * times[self.pers[node.outs[0]]]
