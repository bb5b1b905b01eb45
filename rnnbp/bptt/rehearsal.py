"""The actions on a chunk, run on sizes instead of arrays: the most bytes alive at once.

Each function follows its counterpart in ``Chunks`` line by line: a ``Block`` stands for an array, and is alive as long
as that would be, because Python counts references to both alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnbp import walk
from rnnbp.bptt.heap import Block, Heap
from rnnbp.graph import Node
from rnnbp.layers import Add, Dense, Embedding, Flatten, LayerNorm, Reshape, Split, Subtract
from rnnbp.layers.base import Keeps, Layer
from rnnbp.live import NUMBER
from rnnbp.recurrent import Recurrent

if TYPE_CHECKING:
    from rnnbp.bptt.sizes import Sizes


RESHAPING = (Flatten, Reshape)
"""Layers whose output is a view of an input that lies together, and a copy of one that does not."""
BY_ROWS = (Dense, Embedding, LayerNorm)
"""Layers whose parameter gradients come from deltas as rows."""


@dataclass
class Taped:
    """What a chunk leaves for its way back: of each node of the body what it saved, and the values for the tail."""

    saved: list[Any]
    frontier: dict[int, Block]


class Rehearsal:
    """Chunks of ``length`` steps of what ``sizes`` describes."""

    def __init__(self, sizes: Sizes, length: int) -> None:
        self.sizes, self.length, self.parts = sizes, length, sizes.parts
        self.rows, self.item = length * sizes.batch, sizes.dtype.itemsize
        self.heap = Heap(2 * np.getbufsize() * self.item)

    def advance(self, *, output: bool = False) -> int:
        """The most bytes of an Advance, or of one that runs the tail too, for the model's ``output``."""
        values = self._begin()
        after = []
        for node in self.parts.body:
            if isinstance(node.block, Recurrent):
                part, x = self.sizes.layouts[node.number], self._read(node, values[node.args[0]])
                fed = output or not self.parts.fed.isdisjoint(node.outs)
                y = self._new(part.output_bytes(self.length, in_tape=False)) if fed else None
                after.append(self._new(part.state_bytes()))
                self.heap.note(max(0, part.advance_bytes(self.length) - part.state_bytes()))
                values[node.outs[0]] = y
                del x
            else:
                self._forward(node, values)
        for node in self.parts.tail if output else ():
            self._forward(node, values)
        return self.heap.peak

    def record(self, *, rebuilt: bool = False) -> tuple[int, int]:
        """(the most bytes of a Record or Rebuild, those of its tape); thin tapes are there before, and count."""
        thin = [self._new(part.thin_bytes(self.length) if rebuilt else 0) for part in self.sizes.layouts.values()]
        taped = self._taped(thin)
        del thin
        tape = self.heap.total
        self._new(0 if rebuilt else self.sizes.slot)  # the state that leaves it
        del taped
        return self.heap.peak, tape

    def backward(self, *, first: bool) -> int:
        """The most bytes of a Backward besides its tape; ``first``: no deltas of the state are there before."""
        taped = self._taped([self._new(0) for _ in self.sizes.layouts])
        tape, self.heap.peak, self.heap.numpy = self.heap.total, 0, 0
        dstates = {node.number: self._new(0 if first else self._state(node)) for node in self.parts.recurrent}
        waiting = 0 if first else self.sizes.slot
        values: list[Any] = [None] * self.sizes.model.n_values
        for k, frontier in taped.frontier.items():
            values[k] = frontier
        for node in self.parts.recurrent:
            if self.sizes.remade(node):
                values[node.outs[0]] = self._new(self._bytes(node.outs[0]))
        saved = [self._forward(node, values) for node in self.parts.tail]
        dy = self._loss()
        del values
        deltas: list[Any] = [None] * self.sizes.model.n_values
        deltas[self.sizes.model.outputs[0]] = dy
        del dy
        for node, kept in zip(reversed(self.parts.tail), reversed(saved), strict=True):
            self._backward_layer(node, kept, deltas)
        for node, kept in zip(reversed(self.parts.body), reversed(taped.saved), strict=True):
            if isinstance(node.block, Recurrent):
                own = walk.take_deltas(node, deltas)
                dx, dstates[node.number] = self._backward_recurrent(node, own)
                del own
                _send(node, (dx,), deltas)
            else:
                self._backward_layer(node, kept, deltas)
        return self.heap.peak - tape - waiting

    def _new(self, nbytes: int, base: Block | None = None, *, dense: bool = True) -> Block:
        return Block(self.heap, nbytes, base, dense=dense)

    def _bytes(self, value: int) -> int:
        return self.sizes.value(value, self.length)

    def _state(self, node: Node) -> int:
        return self.sizes.layouts[node.number].state_bytes()

    def _begin(self) -> list[Any]:
        x = self._new(self._bytes(0) if self.sizes.copied or not self.sizes.floats else 0)  # symbols always are
        x.size = self._bytes(0)
        return [x, *[None] * (self.sizes.model.n_values - 1)]

    def _read(self, node: Node, x: Block) -> Block:
        """x as a Recurrent reads it: kernels copy what does not lie together."""
        return x if x.dense or not self.sizes.layouts[node.number].by_kernels else self._new(x.size)

    def _taped(self, thin: Sequence[Block]) -> Taped:
        """Run the body and keep its internals; the thin tapes are within them."""
        values, given, saved = self._begin(), iter(thin), list[Any]()
        for node in self.parts.body:
            if isinstance(node.block, Recurrent):
                states = next(given)
                x, remade = self._read(node, values[node.args[0]]), self.sizes.remade(node)
                part, total = self.sizes.layouts[node.number], self.sizes.tape_of(node, self.length)
                tape = self._new(max(0, total - states.nbytes))
                if not remade:
                    apart = part.output_bytes(self.length, in_tape=True)
                    values[node.outs[0]] = self._new(self._bytes(node.outs[0]), None if apart else tape)
                need = part.rebuild_bytes if states.nbytes else part.record_bytes
                self.heap.note(max(0, need(self.length) - (0 if states.nbytes else part.state_bytes())))
                saved.append((x, tape, states))
            else:
                saved.append(self._forward(node, values))
        return Taped(saved, {k: values[k] for k in self.parts.frontier if values[k] is not None})

    def _forward(self, node: Node, values: list[Any]) -> Any:
        """A layer outside cells."""
        layer = self.sizes.layer(node)
        xs = [values[k] for k in node.args]
        if node.outs[0] in self.sizes.numbers:
            return self._numbers(node, values)
        if self._by_kernels(node, xs[0]):
            values[node.outs[0]] = self._new(self._bytes(node.outs[0]))
            return (xs[0],)
        for k in node.outs:
            base = xs[0] if layer.part or (layer.view and (xs[0].dense or not isinstance(layer, RESHAPING))) else None
            values[k] = self._new(self._bytes(k), base, dense=base is None or (layer.view and base.dense))
        keeps = self.sizes.keeps(node) or Keeps()
        extras = [self._new(self.rows * self.sizes.extra(shape, dtype)) for shape, dtype in keeps.extras]
        scattered = sum(x.size for x in xs if isinstance(layer, Dense) and not x.dense)
        recast = NUMBER * self.rows if layer.symbols and self.sizes.symbol_bytes != NUMBER else 0
        self._numpy(self._scratch(node)[0] + scattered + recast)
        return (*(xs[k] for k in keeps.inputs), *(values[node.outs[k]] for k in keeps.outputs), *extras)

    def _numbers(self, node: Node, values: list[Any]) -> tuple[()]:
        """Numbers of symbols in a table; the vectors of those that are new are made."""
        copied = 0 if self.sizes.symbol_bytes == NUMBER else NUMBER * self.rows
        values[node.outs[0]] = self._new(NUMBER * self.rows)
        self._numpy(max(copied, self.sizes.numbers[node.outs[0]].vectors_bytes(self.rows)))
        return ()

    def _loss(self) -> Block:
        """dy, made while y is there."""
        sizes, y = self.sizes, self._bytes(self.sizes.model.outputs[0])
        if sizes.loss_whole:  # a part of what is held for all steps
            return self._new(y, self._new(0))
        self.heap.note(y + sizes.loss_bytes(self.length) + self.length * sizes.target_bytes)
        self.heap.numpy += sizes.loss_bytes(self.length) + self.length * sizes.target_bytes
        self.heap.numpy += 0 if sizes.loss_brief else y
        return self._new(y)

    def _backward_layer(self, node: Node, saved: Any, deltas: list[Any]) -> None:
        given, *others = [deltas[k] for k in node.outs]
        if not others and given is not None and given.dense and self._by_kernels(node, saved[0] if saved else None):
            own = walk.take_deltas(node, deltas)
            _send(node, (self._new(self._bytes(node.args[0])),), deltas)
            del own
            return
        dy = self._recursion(node, deltas)
        layer = self.sizes.layer(node)
        if dy is not None and layer.params:
            gradients = sum(p.nbytes for p in layer.params.values())
            rows = _scattered(dy, *saved) if isinstance(layer, BY_ROWS) else 0
            self._numpy(gradients + self._scratch(node)[2] + rows)

    def _recursion(self, node: Node, deltas: list[Any]) -> Any:
        """The delta recursion of a layer."""
        layer = self.sizes.layer(node)
        dy = walk.take_deltas(node, deltas)
        if dy is not None:
            dys = dy if isinstance(dy, tuple) else (dy,)
            dxs = self._deltas(node, layer, next(d for d in dys if d is not None))
            scratch = self._scratch(node)[1]
            if isinstance(layer, Split):  # zeros for the parts that nothing depends on
                scratch = sum(self._bytes(k) for k, d in zip(node.outs, dys, strict=True) if d is None)
            self._numpy(scratch + (_scattered(*dys) if isinstance(layer, Dense) else 0))
            _send(node, dxs, deltas)
        return dy

    def _deltas(self, node: Node, layer: Layer, dy: Block) -> tuple[Any, ...]:
        """The deltas that a layer gives, views of its own where they share its memory."""
        if layer.symbols:
            return (None,) * len(node.args)
        if layer.view:
            base = dy if dy.dense or not isinstance(layer, RESHAPING) else None
            return (self._new(dy.size, base, dense=base is None or dy.dense),)
        if isinstance(layer, Add):
            return (dy,) * len(node.args)
        if isinstance(layer, Subtract):
            return dy, self._new(self._bytes(node.args[1]))
        if layer.passes:
            return tuple(self._new(self._bytes(k), dy, dense=False) for k in node.args)
        self.heap.numpy += sum(self._bytes(k) for k in node.args)
        return tuple(self._new(self._bytes(k)) for k in node.args)

    def _backward_recurrent(self, node: Node, dy: Block | None) -> tuple[Block | None, Block]:
        sizes, part = self.sizes, self.sizes.layouts[node.number]
        (k,) = node.args
        if (part.by_kernels and (dy is None or not dy.dense)) or (dy is None and part.writes_dx):
            dy = self._new(self._bytes(node.outs[0]))
        placed = sizes.dx and node is self.parts.only and part.writes_dx  # where it stays, among the gradients
        dx = None
        if (k or sizes.floats) and k not in sizes.numbers:
            dx = self._new(0 if placed else self._bytes(k))
            dx.size = self._bytes(k)
        need = part.backward_bytes(self.length)
        self.heap.note(need)
        self.heap.numpy += 0 if part.by_kernels else need + (0 if dx is None else dx.nbytes)
        return dx, self._new(part.state_bytes())

    def _by_kernels(self, node: Node, x: Block | None) -> bool:
        return node.number in self.sizes.dense and x is not None and x.dense

    def _numpy(self, nbytes: int) -> None:
        self.heap.note(nbytes)
        self.heap.numpy += nbytes

    def _scratch(self, node: Node) -> tuple[int, int, int]:
        """Temporary bytes of a layer's methods."""
        layer = self.sizes.layer(node)
        return layer.scratch(self.rows, *(self.sizes.shapes[k] for k in node.args)).nbytes(self.item)


def _scattered(*arrays: Any) -> int:
    """Copies of arrays that do not lie together, which a layer needs as rows."""
    return max((a.size for a in arrays if isinstance(a, Block) and not a.dense), default=0)


def _send(node: Node, dxs: Any, deltas: list[Any]) -> None:
    """Blocks go the way of arrays."""
    walk.add_deltas(node, dxs, deltas)
