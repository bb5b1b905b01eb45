"""The nodes that run once a run, on sizes instead of arrays: the most bytes alive at once.

Each method follows its counterpart in ``FixedNodes``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rnnbp.graph.graph import Node
from rnnbp.graph.liveness import NUMBER
from rnnbp.graph.values import Per
from rnnbp.layers.base import Layer
from rnnbp.numerics import Shape
from rnnbp.runners.blocks import BlockDeltas, Blocks, Layers
from rnnbp.runners.heap import Block, Heap

if TYPE_CHECKING:
    from rnnbp.planning.value_sizes import ValueSizes


class FixedBytes(NamedTuple):
    """What static inputs and the nodes that run once a run take.

    Attributes:
        held: the inputs that are copied, the values that chunks take, and what backward needs.
        forward, backward: what these also need, next to what is held.
        numbers: elements of the deltas that are summed over the run.
    """

    held: int = 0
    forward: int = 0
    backward: int = 0
    numbers: int = 0


class FixedRehearsal(Layers):
    """The nodes of what ``sizes`` describes that are the same at all steps."""

    def __init__(self, sizes: ValueSizes) -> None:
        item = sizes.dtype.itemsize
        super().__init__(Heap(np.getbufsize() * item), 1, item, NUMBER, flat=True)
        self.sizes, self.parts = sizes, sizes.parts
        self.inputs: Blocks = []
        self.crossing: dict[int, Block] = {}
        self.saved: list[tuple[Block, ...]] = []

    def shape(self, value: int) -> Shape:
        return self.sizes.shapes[value]

    def per(self, value: int) -> Per:
        return self.parts.pers[value]

    def layer(self, node: Node) -> Layer:
        return self.sizes.layer(node)

    def bytes(self) -> FixedBytes:
        """What all of it takes."""
        self._forward()
        held, forward = self.heap.total, self.heap.peak
        self.heap.peak = 0
        floats = [k for k in self.crossing if self.sizes.floating(k) and k not in self.parts.direct]
        self._backward(floats)
        numbers = sum(self.sizes.rows(k, 0) * math.prod(self.shape(k)) for k in floats)
        return FixedBytes(held, forward - held, max(0, self.heap.peak - held), numbers)

    def _forward(self) -> None:
        values: Blocks = [None] * self.sizes.model.n_values
        for each in self.sizes.others:
            if self.parts.pers[each.number] != "step":
                values[each.number] = self._input(each.number, copied=each.copied)
        self.inputs = [block for block in values if block is not None]
        for node in self.parts.fixed:
            seen = self._spread(node, values)
            self.saved.append(self.forward(node, seen))
            for k in node.outs:
                values[k] = seen[k]
            del seen
        for k in self.parts.crossing:
            lies = self.parts.pers[k] == "run" or values[k].dense
            self.crossing[k] = values[k] if lies else self.new(values[k].size)

    def _input(self, number: int, *, copied: bool) -> Block:
        size = self.sizes.value(number, 0)
        block = self.new(size if copied else 0)
        block.size = size
        return block

    def _spread(self, node: Node, values: Blocks) -> Blocks:
        """The values as a node reads them, on its rows."""
        self.rows = self.sizes.rows(node.outs[0], 0)
        seen = list(values)
        for arg in self.parts.widened.get(node.number, ()):
            seen[arg.value] = self.new(self.size(arg.value), values[arg.value], dense=False)
        return seen

    def _backward(self, floats: list[int]) -> None:
        deltas: BlockDeltas = [None] * self.sizes.model.n_values
        for k in floats:
            deltas[k] = self.new(self.sizes.value(k, 0), self.new(0))
        for node, saved in zip(reversed(self.parts.fixed), reversed(self.saved), strict=True):
            self.rows = self.sizes.rows(node.outs[0], 0)
            args = {arg.value: arg for arg in self.parts.widened.get(node.number, ())}.values()
            before = [deltas[arg.value] for arg in args]
            for arg in args:
                deltas[arg.value] = None
            dy = self.recursion(node, saved, deltas)
            for arg, present in zip(args, before, strict=True):
                self._sum(arg.value, present, deltas)
            if dy is not None and self.layer(node).params:
                self.read_off(node, saved, dy)

    def _sum(self, value: int, present: Block | None, deltas: BlockDeltas) -> None:
        """The delta of a widened argument, summed and added to what is there."""
        if deltas[value] is None:
            deltas[value] = present
            return
        found = self.new(self.sizes.value(value, 0))
        deltas[value] = found if present is None else present + found
