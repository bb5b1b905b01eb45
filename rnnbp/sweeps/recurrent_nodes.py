"""Nodes of a network that run Recurrents: their states, and their direction."""

from __future__ import annotations

from copy import copy
from typing import NamedTuple

from rnnbp.graph.graph import Node
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.unrolled import Unrolled


def recurrent_of_node(node: Node) -> Recurrent | None:
    """The Recurrent that a node runs, None for another node."""
    block = node.block
    if isinstance(block, Unrolled):
        return block.recurrent
    return block if isinstance(block, Recurrent) else None


def plain(recurrent: Recurrent) -> Recurrent:
    """A Recurrent of the same cell that runs forward in sweep time."""
    new = copy(recurrent)
    new.reverse = False
    return new


class States(NamedTuple):
    """The static values that the states of a Recurrent are in a network.

    Attributes:
        given: those that they start from, None for one that starts from its own; () if all do.
        final: those that they are after the last step; () if they are not asked for.
    """

    given: tuple[int | None, ...] = ()
    final: tuple[int, ...] = ()


def given_states(node: Node) -> tuple[int | None, ...]:
    """For each state of a node's Recurrent, the value that it starts from; None for its own."""
    recurrent = recurrent_of_node(node)
    assert recurrent is not None
    return states_of(node).given or (None,) * len(recurrent.cell.state_shapes)


def states_of(node: Node) -> States:
    """The states of a node that runs a Recurrent."""
    block = node.block
    if not isinstance(block, Unrolled):
        return States()
    taken = iter(node.args[block.recurrent.cell.n_inputs :])
    given = tuple([next(taken) if yes else None for yes in block.given])
    return States(given if block.takes_state else (), node.outs[1:])
