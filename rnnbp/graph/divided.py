"""Products of static inputs apart from those of series, so that they can be taken out of a cell."""

from __future__ import annotations

from collections.abc import Iterator

from rnnbp.graph.cell import Cell
from rnnbp.graph.graph import Node
from rnnbp.graph.value_pers import value_pers
from rnnbp.layers.dense import Dense
from rnnbp.layers.sums import Add


def divided(cell: Cell) -> tuple[Node, ...]:
    """The nodes of a cell; a Dense of series and of what is the same at every step is two, summed.

    New values have numbers after those of the cell's, and new nodes after those of its nodes.
    """
    found = list[Node]()
    value, pers = cell.n_values, value_pers(cell)
    for node in cell.nodes:
        still = [k for k, v in enumerate(node.args) if pers[v] != "step"]
        if isinstance(node.block, Dense) and 0 < len(still) < len(node.args):
            found += _divided(node, node.block, still, value, len(cell.nodes) + len(found))
            value += 2
        else:
            found.append(node)
    return tuple(found)


def _divided(node: Node, dense: Dense, still: list[int], value: int, number: int) -> Iterator[Node]:
    """The nodes of the products of some inputs, of the others, and of their sum.

    The bias goes to the products that run once.
    """
    moving = [k for k in range(len(node.args)) if k not in still]
    for at, inputs in enumerate((still, moving)):
        part = dense.of_some(inputs, bias=inputs is still)
        args = tuple([node.args[k] for k in inputs])
        yield Node(number + at, part, args, (value + at,))
    yield Node(number + 2, Add(), (value + 1, value), node.outs)
