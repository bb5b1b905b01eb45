"""What runs the first time that a chunk goes forward, where values of outputs are taken then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rnnbp.graph.graph import Node
from rnnbp.graph.model_split import Parts


class FirstPass(NamedTuple):
    """The nodes that the wanted outputs of a model need.

    Attributes:
        tail: those of the tail, in order.
        fed: the Recurrents whose outputs are computed, by number: for these, or for the body.
    """

    tail: tuple[Node, ...]
    fed: frozenset[int]


def first_pass(parts: Parts, wanted: Sequence[bool]) -> FirstPass:
    """The nodes that run in a first pass.

    Args:
        wanted: for each output of the model, whether its values are taken.
    """
    needed = {k for k, yes in zip(parts.outputs, wanted, strict=True) if yes}
    tail: list[Node] = []
    for node in reversed(parts.tail):
        if needed.intersection(node.outs):
            needed.update(node.args)
            tail.append(node)
    needed |= parts.fed
    fed = frozenset([n.number for n in parts.recurrent if needed.intersection(n.outs)])
    return FirstPass(tuple(reversed(tail)), fed)
