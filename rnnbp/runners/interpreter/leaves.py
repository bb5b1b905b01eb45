"""Parameter values as inputs of a cell: arrays without batch axes, next to values that have them.

A layer sees a view that repeats them along the batch, and its delta is summed over that; one that
``mixes`` sees them as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, final

from rnnbp.graph.cell import Cell
from rnnbp.graph.deltas import Deltas
from rnnbp.graph.graph import Node
from rnnbp.graph.node_calls import forward_node
from rnnbp.graph.node_checks import Values
from rnnbp.layers.base import Layer
from rnnbp.numerics import Array, Saved, Shape
from rnnbp.rng import Context

Held: TypeAlias = dict[int, Array | None]
"""Deltas of leaves that other nodes have sent."""


@final
class Leaves:
    """The inputs of a cell that are per "run".

    Attributes:
        numbers: theirs.
    """

    def __init__(self, cell: Cell) -> None:
        pers = cell.pers[: cell.n_inputs]
        self.numbers = tuple([k for k, per in enumerate(pers) if per == "run"])
        args = {node.number: set(self.numbers).intersection(node.args) for node in cell.nodes}
        self._taken = {number: tuple(sorted(found)) for number, found in args.items() if found}
        self._mixing = {
            node.number: self._taken[node.number]
            for node in cell.nodes
            if node.number in self._taken and isinstance(node.block, Layer) and node.block.mixes
        }

    def forward(
        self, node: Node, values: Values, xs: Sequence[Array], context: Context
    ) -> tuple[Saved, Values]:
        """(what a node saved, the values as it reads them); its outputs are in ``values``.

        Args:
            xs: the inputs as they are.
        """
        raw, seen = self.raw(node), values
        if raw:
            seen = list(values)
            for k in raw:
                seen[k] = xs[k]
        saved = forward_node(node, seen, context)
        for k in node.outs if raw else ():
            values[k] = seen[k]
        return saved, seen

    def raw(self, node: Node) -> tuple[int, ...]:
        """The leaves that a node takes without batch axes."""
        return self._mixing.get(node.number, ())

    def taken(self, node: Node) -> tuple[int, ...]:
        """The leaves that a node takes."""
        return self._taken.get(node.number, ())

    def hold(self, node: Node, deltas: Deltas) -> Held:
        """Put the deltas of a node's leaves aside, before it adds its own, of other axes."""
        found: Held = {}
        for k in self.taken(node):
            found[k], deltas[k] = deltas[k], None
        return found

    def add(self, held: Held, deltas: Deltas, shapes: Sequence[Shape]) -> None:
        """Sum the deltas of leaves over the batch, and add those that were put aside."""
        for k, before in held.items():
            delta = deltas[k]
            if delta is None:
                deltas[k] = before
                continue
            if delta.ndim > len(shapes[k]):
                delta = delta.sum(axis=0)
            deltas[k] = delta if before is None else before + delta

    def sum_outputs(self, deltas: Deltas, shapes: Sequence[Shape]) -> None:
        """Sum the deltas of leaves that are outputs of the cell over the batch."""
        self.add(dict.fromkeys(self.numbers), deltas, shapes)
