"""Layers run on blocks instead of arrays: what each takes and leaves, forward and backward.

Each method follows its counterpart in ``walk`` line by line: a ``Block`` stands for an array, and
is alive as long as that would be, because Python counts references to both alike.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

from rnnbp.graph.deltas import send, take_deltas
from rnnbp.graph.graph import Node
from rnnbp.graph.liveness import NUMBER
from rnnbp.graph.values import Per
from rnnbp.layers import (
    Add,
    Dense,
    Embedding,
    Flatten,
    LayerNorm,
    Reshape,
    Split,
    Subtract,
)
from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps
from rnnbp.layers.dense import learned
from rnnbp.layers.merge import Merge
from rnnbp.layers.pointwise import Pointwise
from rnnbp.layers.product import Transpose
from rnnbp.numerics import Shape
from rnnbp.runners.heap import Block, Heap

# Any: or None, before its node has run and when nothing needs it any more, where nobody reads it.
Blocks: TypeAlias = list[Any]
"""By value, a Block."""
BlockDeltas: TypeAlias = list[Block | None]
"""By value, the block of its delta, None where nothing has reached it."""
BlockDelta: TypeAlias = Block | tuple[Block | None, ...] | None
"""The delta of a layer's output, or of several."""
RESHAPING = (Flatten, Reshape)
"""Layers whose output is a view of an input that lies together, and a copy of one that does not."""
BY_ROWS = (Dense, Embedding, LayerNorm)
"""Layers whose parameter gradients come from deltas as rows."""
BY_ELEMENTS = (Pointwise, Merge)
"""Layers that NumPy runs on buffers where operands do not lie together."""


class Layers(ABC):
    """The layers of a graph, on ``rows`` batch elements.

    Args:
        item: bytes of a number. flat: whether arrays have one batch axis, so that their rows are
            not copied.
    """

    def __init__(self, heap: Heap, rows: int, item: int, symbol_bytes: int, *, flat: bool) -> None:
        self.heap, self.rows, self.item = heap, rows, item
        self.symbol_bytes, self.flat = symbol_bytes, flat

    @abstractmethod
    def shape(self, value: int) -> Shape:
        """The feature shape of a value."""

    @abstractmethod
    def per(self, value: int) -> Per:
        """How often a value changes."""

    @abstractmethod
    def layer(self, node: Node) -> Layer:
        """The layer whose bytes that of a node takes."""

    def size(self, value: int) -> int:
        """The bytes of a value."""
        return self.rows * math.prod(self.shape(value)) * self.item

    def taken(self, node: Node, value: int) -> int:
        """The bytes of an argument as a node's layer takes it."""
        mixes = self.layer(node).mixes and self.per(value) == "run"
        return math.prod(self.shape(value)) * self.item if mixes else self.size(value)

    def new(self, nbytes: int, base: Block | None = None, *, dense: bool = True) -> Block:
        """A block, or a view of ``base``."""
        return Block(self.heap, nbytes, base, dense=dense)

    def forward(self, node: Node, values: Blocks) -> tuple[Block, ...]:
        """Run a layer: write its outputs in ``values``. Returns what it saves."""
        layer = self.layer(node)
        # A parameter value is a view of the parameter.
        xs = [values[k] for k in node.args] or [self.new(0)]
        for k in node.outs:
            same = layer.charges or (
                layer.view and (xs[0].dense or not isinstance(layer, RESHAPING))
            )
            base = xs[0] if layer.part or same else None
            lies = same and xs[0].dense and not isinstance(layer, Transpose)
            values[k] = self.new(self.size(k), base, dense=base is None or lies)
        kept = self.kept_of(node, xs, values)
        copied = sum(x.size for x in xs if isinstance(layer, Dense) and not (x.dense or self.flat))
        recast = NUMBER * self.rows if layer.symbols and self.symbol_bytes != NUMBER else 0
        buffers = self._buffers(xs) if isinstance(layer, BY_ELEMENTS) and not layer.view else 0
        self.numpy(max(buffers, self.scratch(node)[0] + copied + recast))
        return kept

    def kept_of(self, node: Node, xs: Sequence[Block | None], values: Blocks) -> tuple[Block, ...]:
        """What a layer saves: inputs, outputs, and arrays of its own, which are new."""
        keeps = self.layer(node).keeps(*map(self.shape, node.args)) or Keeps()
        own = [
            math.prod(shape) * (np.dtype(dtype).itemsize if dtype else self.item)
            for shape, dtype in keeps.extras
        ]
        extras = [self.new(self.rows * nbytes) for nbytes in own]
        return (
            *(xs[k] for k in keeps.inputs),
            *(values[node.outs[k]] for k in keeps.outputs),
            *extras,
        )

    def recursion(self, node: Node, saved: Iterable[Block], deltas: BlockDeltas) -> BlockDelta:
        """The delta recursion of a layer. Returns its dy, for the parameter gradients."""
        layer = self.layer(node)
        dy = take_deltas(node, deltas)
        if dy is None and layer.charges:
            dy = self.new(0)
        if dy is not None:
            dys = dy if isinstance(dy, tuple) else (dy,)
            dxs = self._deltas(node, layer, next(d for d in dys if d is not None))
            scratch = self.scratch(node)[1]
            if isinstance(layer, Split):  # zeros for the parts that nothing depends on
                scratch = sum(
                    self.size(k) for k, d in zip(node.outs, dys, strict=True) if d is None
                )
            copied = 0 if self.flat or not isinstance(layer, Dense) else scattered(*dys)
            by_elements = layer.charges or isinstance(layer, BY_ELEMENTS)
            multiplied = by_elements and not (layer.view or layer.passes)
            self.numpy(max(scratch + copied, self._buffers((*dys, *saved)) if multiplied else 0))
            send(node.args, dxs, deltas)
        return dy

    def read_off(self, node: Node, saved: Iterable[Block], dy: BlockDelta) -> None:
        """The parameter gradients of a layer, from deltas and values of a whole chunk."""
        layer = self.layer(node)
        rows = scattered(dy, *saved) if isinstance(layer, BY_ROWS) else 0
        self.numpy(sum(p.nbytes for p in learned(layer)) + self.scratch(node)[2] + rows)

    def numpy(self, nbytes: int) -> None:
        """Count what NumPy takes and gives back at once."""
        self.heap.note(nbytes)
        self.heap.numpy += nbytes

    def scratch(self, node: Node) -> tuple[int, int, int]:
        """Temporary bytes of a layer's methods."""
        return self.layer(node).scratch(self.rows, *map(self.shape, node.args)).nbytes(self.item)

    def _deltas(self, node: Node, layer: Layer, dy: Block) -> tuple[Block | None, ...]:
        """The deltas that a layer gives, views of its own where they share its memory."""
        if layer.symbols or not node.args:
            return (None,) * len(node.args)
        if layer.view:
            base = dy if dy.dense or not isinstance(layer, RESHAPING) else None
            lies = dy.dense and not isinstance(layer, Transpose)
            return (self.new(dy.size, base, dense=base is None or lies),)
        if isinstance(layer, Add):
            return tuple([self._passed(node, k, dy) for k in node.args])
        if isinstance(layer, Subtract):
            return self._passed(node, node.args[0], dy), self.new(self.size(node.args[1]))
        if layer.passes:
            return tuple([self.new(self.size(k), dy, dense=False) for k in node.args])
        sizes = [self.taken(node, k) for k in node.args]
        self.heap.numpy += sum(sizes)
        return tuple([self.new(size) for size in sizes])

    def _passed(self, node: Node, value: int, dy: Block) -> Block:
        """The delta itself, or its sum for an input that was repeated."""
        repeated = self.shape(value) != self.shape(node.outs[0])
        return self.new(self.size(value)) if repeated else dy

    def _buffers(self, blocks: Iterable[Block | None]) -> int:
        """NumPy's, for operands that do not lie together."""
        sizes = [block.size for block in blocks if block is not None and not block.dense]
        return sum(min(self.heap.buffer, size) for size in sizes)


def scattered(*arrays: BlockDelta) -> int:
    """Copies of arrays that do not lie together, which a layer needs as rows."""
    return max((a.size for a in arrays if isinstance(a, Block) and not a.dense), default=0)
