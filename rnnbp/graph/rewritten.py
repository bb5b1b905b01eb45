"""Cells made of some nodes of others, and the Recurrents of these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rnnbp.graph.cell import Cell
from rnnbp.graph.graph import Node
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.unrolled import layer_of
from rnnbp.graph.values import Per
from rnnbp.layers.base import Layer
from rnnbp.numerics import Shape


def some_nodes(
    cell: Cell, nodes: Sequence[Node], inputs: Mapping[int, Per], shapes: Sequence[Shape | None]
) -> Cell:
    """A cell of some nodes of another one, whose inputs are some of its values."""
    new, first = Cell.__new__(Cell), cell.n_inputs
    states = range(first, first + len(cell.state_shapes))
    numbers = {k: at for at, k in enumerate([*inputs, *states])}
    new.nodes = tuple(_renumbered(nodes, numbers))
    new.outputs = tuple([numbers[k] for k in cell.outputs])
    new.n_inputs, new.n_values, new.n_outputs = len(inputs), len(numbers), cell.n_outputs
    new.input_shapes = (*shapes, *cell.state_shapes)
    names = [cell.input_names[k] if k < first else "" for k in (*inputs, *states)]
    steps: list[Per] = ["step"] * len(states)
    new.pers, new.input_names = (*inputs.values(), *steps), tuple(names)
    new.state_shapes, new.state_names = cell.state_shapes, cell.state_names
    layers = [layer_of(node.block) for node in nodes]
    new.layers = tuple({id(layer): layer for layer in layers}.values())
    own = {id(layer.params) for layer in new.layers if isinstance(layer, Layer)}
    new.slots = {path: slot for path, slot in cell.slots.items() if id(slot[0]) in own}
    new.name = cell.name or f"Recurrent({cell!r})"
    new.feeding = new.ancestors(new.outputs[1:])
    return new


def _renumbered(nodes: Sequence[Node], numbers: dict[int, int]) -> Iterator[Node]:
    """The nodes under new numbers; ``numbers`` gains those of their outputs."""
    for at, node in enumerate(nodes):
        for k in node.outs:
            numbers[k] = len(numbers)
        yield Node(
            at,
            node.block,
            tuple([numbers[k] for k in node.args]),
            tuple([numbers[k] for k in node.outs]),
        )


def recurrent_of(block: Recurrent, cell: Cell) -> Recurrent:
    """A Recurrent with the initial state, the direction and the name of another."""
    new = Recurrent.__new__(Recurrent)
    new.reverse = block.reverse
    new.cell, new.layers, new.initial, new.name = cell, cell.layers, block.initial, block.name
    new.slots = cell.slots | {key: (block.initial, key) for key in block.initial}
    return new
