"""Penalties in a model that is checked: what they add to the loss, from the way forward alone."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import final

from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.unrolled import layer_of, with_recurrent
from rnnbp.layers.base import Layer
from rnnbp.layers.penalty import PenaltyTerm, penalties
from rnnbp.losses.outputs import Scalar
from rnnbp.numerics import Array, Saved, Shape


def counted(model: Graph, charges: list[Scalar]) -> Graph:
    """A model whose penalties append what they add to the loss whenever they run."""
    found = copy(model)
    found.nodes = tuple([_counted(node, charges) for node in model.nodes])
    return found


def _counted(node: Node, charges: list[Scalar]) -> Node:
    block = layer_of(node.block)
    if isinstance(block, PenaltyTerm):
        return replace(node, block=_Counted(block, charges))
    if not isinstance(block, Recurrent):
        return node
    new, cell = copy(block), copy(block.cell)
    cell.nodes = tuple([_counted(each, charges) for each in block.cell.nodes])
    cell.feeding, new.cell = cell.ancestors(cell.outputs[1:]), cell
    return replace(node, block=with_recurrent(node.block, new))


@final
class _Counted(Layer):
    """A ``PenaltyTerm`` that appends its part of the loss to ``charges``."""

    mixes = True
    charges = True

    def __init__(self, term: PenaltyTerm, charges: list[Scalar]) -> None:
        super().__init__()
        self.params = {}
        self.term, self.found = term, charges

    def forward(self, x: Array, factor: Array) -> tuple[Array, Saved]:
        penalty = self.term.penalty
        self.found.append((factor * penalties(x, penalty.l1, penalty.l2)).sum())
        return self.term.forward(x, factor)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        return self.term.backward_inputs(saved, dy)

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        return self.term.output_shapes(*shapes)
