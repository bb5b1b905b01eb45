"""The nodes of a stage between sweeps, whose values are static: they run once a run."""

from __future__ import annotations

from typing import final

from rnnbp.bptt.accumulators import Accumulators
from rnnbp.graph.deltas import Deltas, send
from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.node_calls import backward_node, forward_node, learn, read_off
from rnnbp.graph.node_checks import Values, check_outputs
from rnnbp.graph.value_pers import AXES, value_pers, widened
from rnnbp.layers.base import Layer
from rnnbp.layers.penalty import PenaltyFactor
from rnnbp.losses.outputs import Scalar
from rnnbp.numerics import Nest, Saved, Shape
from rnnbp.rng import Context


@final
class StaticNodes:
    """One run of the nodes of a stage.

    Args:
        graph: the network.
        nodes: those of the stage, in order.
        shapes: the feature shapes of the network's values, which learn those not declared.
        context: of the run. A layer that draws numbers draws them once for each sequence.
        batch: B.
    """

    def __init__(
        self,
        graph: Graph,
        nodes: tuple[Node, ...],
        shapes: list[Shape | None],
        context: Context,
        batch: int,
    ) -> None:
        self.nodes, self.shapes, self.context, self.batch = nodes, shapes, context, batch
        self.pers = value_pers(graph)
        self.widened = {node.number: widened(node, self.pers) for node in nodes}
        self.saved = list[Saved]()
        self.penalties: dict[str, Scalar] = {}
        """By name, after ``backward``."""

    def forward(self, values: Values, *, keep: bool) -> None:
        """Run the nodes, from the static values of the network to theirs.

        Args:
            keep: True to keep what ``backward`` needs.
        """
        takers = {k: node for node in self.nodes for k in node.args}
        for node in self.nodes:
            seen = list(values)
            for arg in self.widened[node.number]:
                seen[arg.value] = arg.spread(values[arg.value], 0, self.batch)
            saved = forward_node(node, seen, self.context)
            assert self.context.dtype is not None
            check_outputs(node, seen, self.context.dtype, self.shapes)
            learn(node, seen, self.shapes, AXES[self.pers[node.outs[0]]])
            for k in node.outs:
                values[k] = seen[k]
            if isinstance(node.block, PenaltyFactor):
                values[node.outs[0]][...] = 1 / self._averaged(takers[node.outs[0]])
                self.penalties[node.block.label] = 0.0
            if keep:
                self.saved.append(saved)

    def _averaged(self, taker: Node) -> int:
        """How many values a mean of a penalty is of."""
        return self.batch if self.pers[taker.outs[0]] == "sequence" else 1

    def values(self, values: Values) -> Nest:
        """Those of the network that the nodes have computed."""
        return [values[k] for node in self.nodes for k in node.outs]

    def arrays(self) -> Nest:
        """What is kept for the way back."""
        return list(self.saved)

    def backward(self, deltas: Deltas, grads: Accumulators) -> None:
        """Run the nodes backward, from the deltas of their values to those of what they take."""
        takers = {k: node for node in self.nodes for k in node.args}
        for node in reversed(self.nodes):
            saved, layer = self.saved.pop(), node.block
            args = {arg.value: arg for arg in self.widened[node.number]}.values()
            before = [deltas[arg.value] for arg in args]
            for arg in args:
                deltas[arg.value] = None
            dy = backward_node(node, saved, deltas, self.shapes)
            for arg, present in zip(args, before, strict=True):
                found, deltas[arg.value] = deltas[arg.value], present
                send([arg.value], [None if found is None else arg.summed(found)], deltas)
            if dy is not None and isinstance(layer, Layer) and layer.params:
                grads.add(layer.params, read_off(node, saved, dy))
            if dy is not None and isinstance(layer, PenaltyFactor):
                total = dy.sum().item() / self._averaged(takers[node.outs[0]])
                self.penalties[layer.label] += total
