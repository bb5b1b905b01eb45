"""A network as ONNX nodes: its nodes in order, the ends of the graph, states, lengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

from rnnbp.graph.axes import value_axes
from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.over_time.base import OverTime
from rnnbp.interchange.onnx_out.applied import Applied, applied
from rnnbp.interchange.onnx_out.gated import Gated, gated, of_one_node
from rnnbp.interchange.onnx_out.gated_nodes import gated_node
from rnnbp.interchange.onnx_out.layer_forms import written
from rnnbp.interchange.onnx_out.parts import Tensor
from rnnbp.interchange.onnx_out.rows import TimeRows
from rnnbp.interchange.onnx_out.scan import scanned
from rnnbp.interchange.onnx_out.shaping import zeros
from rnnbp.interchange.onnx_out.writer import Writer
from rnnbp.layers.base import Layer


@final
class NetworkWriter:
    """Writes the nodes of a network in order.

    Args:
        known: tensors of the inputs by number of the value; those of all others are added.
        rows: by time axis.
        states: by Recurrent and state, the initial states that are inputs.
    """

    def __init__(
        self,
        to: Writer,
        graph: Graph,
        known: dict[int, Tensor],
        rows: Mapping[str, TimeRows],
        states: Mapping[tuple[int, str], Tensor],
    ) -> None:
        self.to, self.graph, self.known, self.rows, self.states = to, graph, known, rows, states
        self.axes, self.recurrents = value_axes(graph), applied(graph)
        self.finals: dict[int, Sequence[Tensor]] = {}
        """By Recurrent, its final states."""

    def run(self) -> None:
        """Write all nodes."""
        for node in self.graph.nodes:
            block = node.block
            if isinstance(block, OverTime):
                series = self.known[node.args[0]]
                self._put(node, self.rows[self.axes[node.args[0]]].reduced(block, series))
            elif isinstance(block, Layer):
                args = [self.known[k] for k in node.args]
                self._put(node, written(block, self.to, args))
            elif node.outs[0] not in self.known:
                self._recurrent(self.recurrents[node.number])

    def _put(self, node: Node, outs: Sequence[Tensor]) -> None:
        self.known.update(zip(node.outs, outs, strict=False))

    def _recurrent(self, one: Applied) -> None:
        rows = self.rows[next(self.axes[k] for k in one.args if self.axes[k])]
        args = [self.known[k] for k in one.args]
        cell = gated(one.block)
        if cell is None or len(args) > 1 or args[0].lead < 2:
            series = next(t for t in args if t.lead == 2)
            states = self._starts(one, series) or [
                zeros(self.to, shape, series) for shape in one.block.cell.state_shapes
            ]
            self._finish(one, scanned(self.to, one.block, args, states, rows))
            return
        other = self._other_direction(one, cell)
        sides = [one] if other is None else [one, other[0]]
        cells = [cell] if other is None else [cell, other[1]]
        direction = "reverse" if one.block.reverse else "forward"
        starts = [self._starts(side, args[0]) for side in sides]
        whole = direction if other is None else "bidirectional"
        outs = gated_node(self.to, cells, args[0], starts, rows, whole)
        for side, found in zip(sides, outs, strict=True):
            self._finish(side, found)

    def _finish(self, one: Applied, outs: Sequence[Tensor]) -> None:
        self._put(one.node, outs)
        self.finals[one.number] = outs[1:]

    def _starts(self, one: Applied, series: Tensor) -> list[Tensor] | None:
        """The initial states of a Recurrent, (B, ...) each; None where all are zeros."""
        cell, learned = one.block.cell, list(one.block.initial)
        found: list[Tensor | None] = []
        for k, (name, start) in enumerate(zip(one.names, one.starts, strict=True)):
            state = self.states.get((one.number, name)) if start is None else self.known[start]
            if state is None and learned:
                state = self._repeated(self.to.parameter(one.block.initial, learned[k]), series)
            found.append(state)
        if all(state is None for state in found):
            return None
        return [
            zeros(self.to, shape, series) if state is None else state
            for state, shape in zip(found, cell.state_shapes, strict=True)
        ]

    def _repeated(self, t: Tensor, series: Tensor) -> Tensor:
        """A learned initial state for all rows."""
        to = self.to
        return to.emit("Add", t, zeros(to, t.shape, series), shape=t.shape, lead=1)

    def _other_direction(self, one: Applied, cell: Gated) -> tuple[Applied, Gated] | None:
        """What runs over the same series in reverse and can be part of the same node."""
        if one.block.reverse:
            return None
        for other in self.recurrents.values():
            ready = all(k is None or k in self.known for k in other.starts)
            fresh = other.number > one.number and other.node.outs[0] not in self.known
            if other.block.reverse and other.args == one.args and ready and fresh:
                found = gated(other.block)
                if found is not None and of_one_node(cell, found):
                    return other, found
        return None
