"""Taken out of cells: what no step input and no state reaches is computed once a run.

A cell's nodes that depend on parameters and static inputs alone would give the same at every step.
``hoisted`` makes of a model's graph another one, in which they are nodes of the graph, and the cell
within has their results as inputs, per "sequence" or per "run". Parameters, their paths, and the
initial states are those of the model. Penalties have their factors first, see ``penalised``.
"""

from __future__ import annotations

from collections.abc import Sequence

from rnnbp.graph.cell import Cell
from rnnbp.graph.divided import divided
from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.model_split import recurrent_blocks
from rnnbp.graph.network import Network
from rnnbp.graph.penalised import penalty_nodes, with_factors
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.rewritten import recurrent_of, some_nodes
from rnnbp.graph.timed import Timed
from rnnbp.graph.unrolled import layer_of, with_recurrent
from rnnbp.graph.values import Block, Per, finest
from rnnbp.layers.penalty import Penalty
from rnnbp.numerics import Dtype
from rnnbp.support.prepared import Remembered


def hoisted(model: Graph) -> Graph:
    """The graph that is run in a model's place: itself without such nodes, or parameter values."""
    known = _hoisted.of(model.origin)
    if known is None:
        return model
    if (dtype := model.dtype) not in known:
        given = with_factors(model)
        known[dtype] = _Writing(given).graph(given)
    return known[dtype]


def _graphs(network: Network) -> dict[Dtype | None, Graph] | None:
    """Where what is run in a network's place is kept; None if it is run as it is."""
    if isinstance(network, Recurrent):
        return {} if _rewritten(network.cell) else None
    assert isinstance(network, Graph)
    own = any(not node.args or isinstance(node.block, Penalty) for node in network.nodes)
    return {} if own or any(_rewritten(b.cell) for b in recurrent_blocks(network)) else None


def _fixed_nodes(cell: Cell) -> frozenset[int]:
    pers: dict[int, Per] = dict(enumerate(cell.pers))
    nodes = _divided.of(cell)
    for node in nodes:
        pers.update(dict.fromkeys(node.outs, finest(pers[k] for k in node.args)))
    return frozenset(node.number for node in nodes if pers[node.outs[0]] != "step")


_divided = Remembered[Cell, tuple[Node, ...]](divided)
"""The nodes of a cell, with products of static inputs apart."""
_fixed = Remembered[Cell, frozenset[int]](_fixed_nodes)
"""The nodes among these that depend on no step input and no state, by number."""


def _rewritten(cell: Cell) -> bool:
    """True if a cell is not run as it was written."""
    return bool(_fixed.of(cell) or penalty_nodes.of(cell))


class _Writing:
    """The graph in writing: nodes and values have new numbers, the inputs keep theirs."""

    def __init__(self, model: Graph) -> None:
        self.pers: list[Per] = list(model.pers)
        self.nodes, self.dtype = list[Node](), model.dtype
        self.numbers = {k: k for k in range(len(model.pers))}
        """By number of a value of the model, the number that it has here."""
        self.origins = list[int]()
        for node in model.nodes:
            args = [self.numbers[k] for k in node.args]
            block, applied = node.block, layer_of(node.block)
            if isinstance(applied, Recurrent) and (
                _fixed.of(applied.cell) or self._coarser(applied.cell, args)
            ):
                outs = self._recurrent(block, applied, args)
            else:
                outs = self.add(block, args)
            self.numbers.update(zip(node.outs, outs, strict=True))
            self.origins += [node.number] * (len(self.nodes) - len(self.origins))

    def _coarser(self, cell: Cell, args: Sequence[int]) -> bool:
        """True if a static input of a cell is a value that is the same for all sequences."""
        pers = zip(cell.pers, args, strict=False)
        return any(per == "sequence" and self.pers[k] == "run" for per, k in pers)

    def graph(self, model: Graph) -> Graph:
        """What has been written."""
        new = Graph.__new__(Graph)
        new.input_shapes, new.pers = model.input_shapes, model.pers
        new.input_names, new.axes = model.input_names, model.axes
        new.nodes = tuple(self.nodes)
        new.outputs, new.n_values = tuple([self.numbers[k] for k in model.outputs]), len(self.pers)
        new.output_names = model.output_names
        new.n_outputs, new.slots, new.name = model.n_outputs, model.slots, model.name
        layers = [layer_of(node.block) for node in new.nodes]
        new.layers = tuple({id(layer): layer for layer in layers}.values())
        new.text, new.origins = repr(model), tuple(self.origins)
        return new

    def add(self, block: Block, args: Sequence[int]) -> tuple[int, ...]:
        """Append a node; the numbers of its outputs."""
        outs = tuple(range(len(self.pers), len(self.pers) + block.n_outputs))
        per = finest(self.pers[k] for k in args)
        self.pers += block.out_pers if isinstance(block, Timed) else [per] * block.n_outputs
        self.nodes.append(Node(len(self.nodes), block, tuple(args), outs))
        return outs

    def _recurrent(self, block: Block, applied: Recurrent, args: Sequence[int]) -> tuple[int, ...]:
        """Append the nodes of a cell that are taken out of it, and what remains as a Recurrent.

        Args:
            block: of the node, which applies the Recurrent.
            args: of the node; after the inputs of the cell, initial values of states.
        """
        cell, fixed = applied.cell, _fixed.of(applied.cell)
        known, states = dict(enumerate(args[: cell.n_inputs])), args[cell.n_inputs :]
        for node in _divided.of(cell):
            if node.number in fixed:
                outs = self.add(node.block, [known[k] for k in node.args])
                known.update(zip(node.outs, outs, strict=True))
        nodes = [node for node in _divided.of(cell) if node.number not in fixed]
        taken = {k for node in nodes for k in node.args}.union(cell.outputs)
        kept = [k for k in known if k in taken or (k < cell.n_inputs and cell.pers[k] == "step")]
        pers = [
            "step" if k < cell.n_inputs and cell.pers[k] == "step" else self.pers[known[k]]
            for k in kept
        ]
        shapes = [cell.input_shapes[k] if k < cell.n_inputs else None for k in kept]
        inner = some_nodes(cell, nodes, dict(zip(kept, pers, strict=True)), shapes)
        inner.leaf_dtype = self.dtype
        new = with_recurrent(block, recurrent_of(applied, inner))
        return self.add(new, [*[known[k] for k in kept], *states])


_hoisted = Remembered[Network, dict[Dtype | None, Graph] | None](_graphs)
"""The graphs that are run in the place of models, by the dtype of their parameters."""
