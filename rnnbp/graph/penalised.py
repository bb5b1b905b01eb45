"""Penalties in the graph that is run: each takes the factor of its mean, a value of the run."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace

from rnnbp.graph.cell import Cell
from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.rewritten import recurrent_of, some_nodes
from rnnbp.graph.unrolled import layer_of, with_recurrent
from rnnbp.graph.values import Per
from rnnbp.layers.penalty import UNNAMED, Penalty, PenaltyFactor, PenaltyTerm
from rnnbp.numerics import Shape, ShapeError
from rnnbp.support.prepared import Remembered

penalty_nodes = Remembered[Cell, tuple[Node, ...]](
    lambda cell: tuple([n for n in cell.nodes if isinstance(n.block, Penalty)])
)
"""The nodes of a cell that are penalties."""


def with_factors(model: Graph) -> Graph:
    """A model whose penalties are ``PenaltyTerm``s, each with a ``PenaltyFactor``; those of cells
    come as inputs per "run". For one that writes a graph anew: a factor has the number of the node
    that takes it.
    """
    found, nodes, shapes = copy(model), list[Node](), _Shapes(model)
    found.n_values, found.text = model.n_values, repr(model)
    for node in model.nodes:
        block, wanted, args = node.block, list[PenaltyFactor](), list(node.args)
        applied, first = layer_of(block), len(args)
        if isinstance(block, Penalty):
            wanted = [_factor(block, shapes.of_args(node)[0])]
            block = PenaltyTerm(block)
        elif isinstance(applied, Recurrent) and penalty_nodes.of(applied.cell):
            first = applied.cell.n_inputs  # initial values of states come after factors
            cell, wanted = _cell_with_factors(applied.cell, shapes.of_args(node)[:first])
            block = with_recurrent(block, recurrent_of(applied, cell))
        numbers = range(found.n_values, found.n_values + len(wanted))
        nodes += [
            Node(node.number, each, (), (k,)) for k, each in zip(numbers, wanted, strict=True)
        ]
        nodes.append(replace(node, block=block, args=(*args[:first], *numbers, *args[first:])))
        found.n_values += len(wanted)
    found.nodes = tuple(nodes)
    return found


def has_penalties(model: Graph) -> bool:
    """True if there are penalties in a graph that is run."""
    return any(isinstance(node.block, PenaltyFactor) for node in model.nodes)


class _Shapes:
    """Feature shapes of a model's values, found where they are asked for."""

    def __init__(self, model: Graph) -> None:
        self.model = model

    def of_args(self, node: Node) -> Sequence[Shape | None]:
        """Those of a node's arguments, None for what is not known."""
        shapes = self.model.value_shapes(*self.model.input_shapes)
        return [shapes[k] for k in node.args]


def _factor(penalty: Penalty, shape: Shape | None) -> PenaltyFactor:
    if shape is None:
        raise ShapeError(
            f"{penalty}: how many features it penalises is not known; say so where they come from, "
            "as Input(n)"
        )
    return PenaltyFactor(shape, penalty.name or UNNAMED)


def _cell_with_factors(
    cell: Cell, given: Sequence[Shape | None]
) -> tuple[Cell, list[PenaltyFactor]]:
    """A cell whose penalties take factors, the last of its inputs, and these.

    Args:
        given: the shapes of the values that it is applied to.
    """
    own = [a if b is None else b for a, b in zip(given, cell.input_shapes, strict=False)]
    shapes = cell.value_shapes(*own, *cell.state_shapes)
    nodes, factors = list(cell.nodes), list[PenaltyFactor]()
    inputs: dict[int, Per] = dict(enumerate(cell.pers[: cell.n_inputs]))
    for node in penalty_nodes.of(cell):
        assert isinstance(node.block, Penalty)
        number = cell.n_values + len(factors)
        factors.append(_factor(node.block, shapes[node.args[0]]))
        args = (*node.args, number)
        nodes[node.number], inputs[number] = (
            replace(node, block=PenaltyTerm(node.block), args=args),
            "run",
        )
    kept = [*cell.input_shapes[: cell.n_inputs], *[factor.shape for factor in factors]]
    return some_nodes(cell, nodes, inputs, kept), factors
