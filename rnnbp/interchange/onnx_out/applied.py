"""The Recurrents of a network as they are applied: on which values, and from which states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.unrolled import Unrolled


@final
@dataclass(frozen=True)
class Applied:
    """A Recurrent of a network as it is applied.

    Attributes:
        node: its node.
        block: the Recurrent.
        args: the numbers of the values that are the inputs of its cell.
        starts: for each state the number of the value that it begins with; None without one.
        number: its place among the Recurrents of the network.
    """

    node: Node
    block: Recurrent
    args: tuple[int, ...]
    starts: tuple[int | None, ...]
    number: int

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its states."""
        return self.block.cell.state_names


def applied(graph: Graph) -> dict[int, Applied]:
    """The Recurrents of a network, by number of their node."""
    found: dict[int, Applied] = {}
    for node in graph.nodes:
        block = node.block
        if isinstance(block, Recurrent | Unrolled):
            inner = block if isinstance(block, Recurrent) else block.recurrent
            n, count = inner.cell.n_inputs, len(inner.cell.state_shapes)
            given = block.given if isinstance(block, Unrolled) else (False,) * count
            rest = iter(node.args[n:])
            starts = tuple([next(rest) if yes else None for yes in given])
            found[node.number] = Applied(node, inner, node.args[:n], starts, len(found))
    return found
