"""Bytes alive at once in a walk over the nodes of a graph, from shapes alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rnnbp.graph.graph import Node
from rnnbp.layers.base import Layer
from rnnbp.layers.dense import learned
from rnnbp.numerics import Shape

NUMBER = 8
"""Bytes of the number of a symbol in a table."""


@dataclass(frozen=True)
class Cost:
    """What running a node takes, in bytes: outputs, deltas by argument, and what else it needs.

    ``forward`` and ``inputs`` are needed while outputs and deltas are made, ``params`` (the
    gradients of the parameters included) when the deltas are there. With ``passes``, deltas are the
    memory of the output's; with ``part``, outputs are parts of the input's memory, until they are
    copied to be kept.
    """

    node: Node
    outs: tuple[int, ...]
    deltas: tuple[int, ...]
    forward: int = 0
    inputs: int = 0
    params: int = 0
    passes: bool = False
    part: bool = False


def layer_cost(node: Node, layer: Layer, shapes: Sequence[Shape], rows: int, itemsize: int) -> Cost:
    """The cost of a layer on ``rows`` batch elements."""
    forward, inputs, reading = layer.scratch(rows, *(shapes[k] for k in node.args)).nbytes(itemsize)
    shared = layer.view or layer.charges
    outs = tuple(0 if shared else rows * itemsize * math.prod(shapes[k]) for k in node.outs)
    no_delta = layer.view or layer.passes or layer.symbols
    deltas = tuple(0 if no_delta else rows * itemsize * math.prod(shapes[k]) for k in node.args)
    gradients = sum(p.nbytes for p in learned(layer))
    params, passes = gradients + reading if layer.params else 0, layer.view or layer.passes
    return Cost(node, outs, deltas, forward, inputs, params, passes, layer.part)


def last_uses(nodes: Sequence[Node]) -> dict[int, int]:
    """By value, the position of the last node that takes it, or a view of it."""
    last: dict[int, int] = {}
    for number, node in reversed(list(enumerate(nodes))):
        block = node.block
        shares = block.view or block.part or (isinstance(block, Layer) and block.charges)
        through = (
            max((last.get(k, number) for k in node.outs), default=number) if shares else number
        )
        for k in node.args:
            last[k] = max(last.get(k, -1), through)
    return last
