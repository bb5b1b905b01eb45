"""Bytes alive at once in a walk over the nodes of a graph, from shapes alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rnnbp.graph import Node
from rnnbp.layers.base import Layer, Scratch
from rnnbp.numerics import Shape


class Walk:
    """A list of nodes, each of a Layer, run on ``rows`` batch elements; sizes are in elements of the parameters' dtype.

    A layer whose output is a view of its input costs nothing forward, and its delta nothing backward.
    """

    def __init__(self, nodes: Sequence[Node], shapes: Sequence[Shape], rows: int) -> None:
        self.nodes, self.shapes, self.rows = nodes, shapes, rows

    def size(self, value: int) -> int:
        """Elements of a value."""
        return self.rows * math.prod(self.shapes[value])

    def scratch(self, node: Node) -> Scratch:
        """What a layer needs besides its results, while it runs."""
        layer: Any = node.block
        found: Scratch = layer.scratch(self.rows, *(self.shapes[k] for k in node.args))
        return found

    def made(self, node: Node) -> int:
        """Elements of a node's outputs that are not views."""
        layer: Any = node.block
        return 0 if layer.view else sum(self.size(k) for k in node.outs)

    def forward(self, kept: frozenset[int] = frozenset()) -> int:
        """The peak of a forward walk that frees nothing before its end; values ``kept`` are counted elsewhere."""
        held = peak = 0
        for node in self.nodes:
            layer: Any = node.block
            peak = max(peak, held + self.made(node) + self.scratch(node).forward)
            held += 0 if layer.view else sum(self.size(k) for k in node.outs if k not in kept)
        return max(peak, held)

    def backward(self, ends: Sequence[int]) -> int:
        """The peak of the delta recursion and of the parameter gradients read off on the way.

        ``ends`` are the values whose deltas are there at first, and which are counted.
        """
        alive = {k: self.size(k) for k in ends}
        peak = sum(alive.values())
        for node in reversed(self.nodes):
            layer: Any = node.block
            if not any(k in alive for k in node.outs):
                continue
            took = 0 if layer.view else sum(alive.pop(k, 0) for k in node.outs)
            if layer.view:
                moved = sum(alive.pop(k, 0) for k in node.outs)
                alive[node.args[0]] = alive.get(node.args[0], 0) + moved
                continue
            new = [k for k in node.args if not (isinstance(layer, Layer) and layer.symbols)]
            fresh = sum(self.size(k) for k in new)
            scratch, held = self.scratch(node), sum(alive.values())
            gradients = sum(p.size for p in layer.params.values())
            sums = max((self.size(k) for k in new if k in alive), default=0)
            peak = max(peak, held + took + fresh + max(scratch.inputs, sums), held + took + fresh + gradients + scratch.params)
            for k in new:
                alive[k] = self.size(k)
        return peak
