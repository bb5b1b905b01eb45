"""How often each value of a graph changes, and values taken where they change more often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.timed import Timed
from rnnbp.graph.values import PERS, Per, finest
from rnnbp.numerics import Array, Shape

AXES: dict[Per, int] = {per: len(PERS) - 1 - k for k, per in enumerate(PERS)}
"""Axes of a value before its features: steps and batch, the batch, none."""


class Widened(NamedTuple):
    """An argument that changes less often than its node reads it.

    Attributes:
        position: among the node's arguments.
        value: its number in the graph.
        found, read: how often it changes, and how often the node reads it.
    """

    position: int
    value: int
    found: Per
    read: Per

    @property
    def axes(self) -> int:
        """How many axes the node sees that the value does not have."""
        return AXES[self.read] - AXES[self.found]

    def lead(self, length: int, batch: int) -> Shape:
        """The sizes of those axes, in a chunk of ``length`` steps."""
        first = len(PERS) - 1 - AXES[self.read]
        return (length, batch)[first : first + self.axes]

    def spread(self, value: Array, length: int, batch: int) -> Array:
        """The value as the node reads it: a read-only view that repeats it."""
        return np.broadcast_to(value, (*self.lead(length, batch), *value.shape))

    def summed(self, delta: Array) -> Array:
        """A delta of what the node reads, summed over the repetitions."""
        found: Array = delta.sum(axis=tuple(range(self.axes)))
        return found


def value_pers(graph: Graph) -> tuple[Per, ...]:
    """How often each value of a graph changes: as often as the finest that it is computed from."""
    found: list[Per] = [*graph.pers, *graph.pers[:1] * (graph.n_values - len(graph.pers))]
    for node in graph.nodes:
        if isinstance(node.block, Timed):
            pers = node.block.out_pers
        else:
            pers = (finest(found[k] for k in node.args),) * len(node.outs)
        for k, per in zip(node.outs, pers, strict=True):
            found[k] = per
    return tuple(found)


def widened(node: Node, pers: tuple[Per, ...]) -> tuple[Widened, ...]:
    """The arguments of a node that change less often than it reads them.

    A Recurrent reads each input as often as its cell says, a state once a sequence, a layer all as
    often as the
    finest changes; one that mixes takes parameter values as they are.
    """
    given, block = [pers[k] for k in node.args], node.block
    if isinstance(block, Timed):
        read: Sequence[Per] = block.in_pers
    else:
        most = finest(given)
        read = [per if block.mixes and per == "run" else most for per in given]
    return tuple(
        [
            Widened(position, k, found, wanted)
            for position, (k, found, wanted) in enumerate(zip(node.args, given, read, strict=False))
            if found != wanted
        ]
    )
