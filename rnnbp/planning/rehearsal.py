"""The actions on a chunk, run on sizes instead of arrays: the most bytes alive at once.

Each function follows its counterpart in ``Chunks`` line by line: a ``Block`` stands for an array, and is alive as long
as that would be, because Python counts references to both alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from rnnbp.graph import node_calls
from rnnbp.graph.graph import Node
from rnnbp.graph.layout import Layout
from rnnbp.graph.liveness import NUMBER
from rnnbp.graph.recurrent import Recurrent
from rnnbp.layers.base import Layer
from rnnbp.numerics import Shape
from rnnbp.planning import tables
from rnnbp.planning.blocks import Layers
from rnnbp.planning.heap import Block, Heap
from rnnbp.planning.interpreted import InterpretedCell

if TYPE_CHECKING:
    from rnnbp.planning.sizes import Sizes


Deltas: TypeAlias = Sequence[Block | None]
"""Those of a state."""


@dataclass
class Taped:
    """What a chunk leaves for its way back: of each node of the body what it saved, and the values for the tail."""

    saved: list[Any]
    frontier: dict[int, Block]


class Rehearsal(Layers):
    """Chunks of ``length`` steps of what ``sizes`` describes."""

    def __init__(self, sizes: Sizes, length: int) -> None:
        item = sizes.dtype.itemsize
        heap = Heap(np.getbufsize() * item)
        super().__init__(heap, length * sizes.batch, item, sizes.symbol_bytes, flat=False)
        self.sizes, self.length, self.parts = sizes, length, sizes.parts
        self._tables: list[Block] | None = None
        """Those that a Backward makes for the tasks of kernels; None where it has them."""

    def shape(self, value: int) -> Shape:
        return self.sizes.shapes[value]

    def layer(self, node: Node) -> Layer:
        return self.sizes.layer(node)

    def size(self, value: int) -> int:
        return self.sizes.value(value, self.length)

    def advance(self, *, output: bool = False) -> int:
        """The most bytes of an Advance, or of one that runs the tail too, for the model's ``output``."""
        values = self._begin()
        after = []
        for node in self.parts.body:
            if isinstance(node.block, Recurrent):
                x = self._read(node, values[node.args[0]])
                fed = output or not self.parts.fed.isdisjoint(node.outs)
                values[node.outs[0]], state = self._advance_recurrent(node, x, fed=fed)
                after.append(state)
                del x
            else:
                self.forward(node, values)
        for node in self.parts.tail if output else ():
            self.forward(node, values)
        return self.heap.peak

    def _advance_recurrent(self, node: Node, x: Block, *, fed: bool) -> tuple[Block | None, list[Block]]:
        part = self.sizes.layouts[node.number]
        if isinstance(part, Layout):
            return self._interpreted(part).advance(x, output=fed)
        y = self.new(part.output_bytes(self.length, in_tape=False)) if fed else None
        state = [self.new(part.state_bytes())]
        self.heap.note(max(0, part.advance_bytes(self.length) - part.state_bytes()))
        return y, state

    def _interpreted(self, layout: Layout) -> InterpretedCell:
        return InterpretedCell(self.heap, layout, self.length, self.symbol_bytes)

    def record(self, *, rebuilt: bool = False) -> tuple[int, int]:
        """(the most bytes of a Record or Rebuild, those of its tape); thin tapes are there before, and count."""
        thin = [self.new(part.thin_bytes(self.length) if rebuilt else 0) for part in self.sizes.layouts.values()]
        taped = self._taped(thin)
        del thin
        tape = self.heap.total
        self.new(0 if rebuilt else self.sizes.slot)  # the state that leaves it
        del taped
        return self.heap.peak, tape

    def backward(self, *, first: bool, tabled: bool = True) -> int:
        """The most bytes of a Backward besides its tape; ``first``: no deltas of the state are there before.

        ``tabled``: the tables of its tasks are.
        """
        taped = self._taped([self.new(0) for _ in self.sizes.layouts])
        tape, self.heap.peak, self.heap.numpy = self.heap.total, 0, 0
        self._tables = None if tabled else []
        dstates = {node.number: [] if first else self._state_deltas(node) for node in self.parts.recurrent}
        waiting = 0 if first else self.sizes.deltas
        values: list[Any] = [None] * self.sizes.model.n_values
        for k, frontier in taped.frontier.items():
            values[k] = frontier
        for node in self.parts.recurrent:
            if self.sizes.remade(node):
                values[node.outs[0]] = self.new(self.size(node.outs[0]))
        saved = [self.forward(node, values) for node in self.parts.tail]
        dy = self._loss()
        del values
        deltas: list[Any] = [None] * self.sizes.model.n_values
        deltas[self.sizes.model.outputs[0]] = dy
        del dy
        for node, kept in zip(reversed(self.parts.tail), reversed(saved), strict=True):
            self._backward_layer(node, kept, deltas)
        for node, kept in zip(reversed(self.parts.body), reversed(taped.saved), strict=True):
            if isinstance(node.block, Recurrent):
                own = node_calls.take_deltas(node, deltas)
                dx, dstates[node.number] = self._backward_recurrent(node, kept[0], own, dstates[node.number])
                del own
                _send(node, (dx,), deltas)
            else:
                self._backward_layer(node, kept, deltas)
        return self.heap.peak - tape - waiting

    def kept(self) -> dict[int, int]:
        """The bytes of a tape by node: what each keeps that no earlier one does, its output for the tail too."""
        taped = self._taped([self.new(0) for _ in self.sizes.layouts])
        found, total = dict.fromkeys(range(len(self.parts.nodes)), 0), self.heap.total
        takers = {k: node.number for node in reversed(self.parts.nodes) for k in node.args}
        makers = takers | {k: node.number for node in self.parts.nodes for k in node.outs}
        for k in list(taped.frontier):
            del taped.frontier[k]
            found[makers[k]] += total - self.heap.total
            total = self.heap.total
        for node in reversed(self.parts.body):
            taped.saved.pop()
            found[node.number] += total - self.heap.total
            total = self.heap.total
        return found

    def _state_deltas(self, node: Node) -> Deltas:
        part = self.sizes.layouts[node.number]
        return self._interpreted(part).deltas() if isinstance(part, Layout) else [self.new(part.delta_bytes())]

    def _begin(self) -> list[Any]:
        x = self.new(self.size(0) if self.sizes.copied or not self.sizes.floats else 0)  # symbols always are
        x.size = self.size(0)
        return [x, *[None] * (self.sizes.model.n_values - 1)]

    def _read(self, node: Node, x: Block) -> Block:
        """x as a Recurrent reads it: kernels copy what does not lie together."""
        return x if x.dense or not self.sizes.layouts[node.number].by_kernels else self.new(x.size)

    def _taped(self, thin: Sequence[Block]) -> Taped:
        """Run the body and keep its internals; the thin tapes are within them."""
        values, given, saved = self._begin(), iter(thin), list[Any]()
        for node in self.parts.body:
            if isinstance(node.block, Recurrent):
                x, states = self._read(node, values[node.args[0]]), next(given)
                values[node.outs[0]], tape = self._record_recurrent(node, x, states)
                saved.append((x, tape, states))
            else:
                saved.append(self.forward(node, values))
        return Taped(saved, {k: values[k] for k in self.parts.frontier if values[k] is not None})

    def _record_recurrent(self, node: Node, x: Block, states: Block) -> tuple[Block | None, Any]:
        """(y, tape): from the states of a thin tape, if there is one."""
        part, own = self.sizes.layouts[node.number], self.sizes.tape_of(node, self.length)
        if isinstance(part, Layout):
            cell, own = self._interpreted(part), own - part.thin_bytes(self.length)
            return cell.rebuild(x, [states] * part.n_states) if states.nbytes else cell.record(x, own)
        tape, y = self.new(max(0, own - states.nbytes)), None
        if not self.sizes.remade(node):
            apart = part.output_bytes(self.length, in_tape=True)
            y = self.new(self.size(node.outs[0]), None if apart else tape)
        need = part.rebuild_bytes if states.nbytes else part.record_bytes
        self.heap.note(max(0, need(self.length) - (0 if states.nbytes else part.state_bytes())))
        return y, tape

    def forward(self, node: Node, values: list[Any]) -> tuple[Block, ...]:
        """A layer outside cells, or what stands for it."""
        x = values[node.args[0]]
        if node.outs[0] in self.sizes.numbers:
            return self._numbers(node, values)
        if self._by_kernels(node, x):
            values[node.outs[0]] = self.new(self.size(node.outs[0]))
            self._table(0 if self.sizes.loss_whole else tables.job(self.sizes, node, self.length))
            return (x,)
        return super().forward(node, values)

    def _numbers(self, node: Node, values: list[Any]) -> tuple[()]:
        """Numbers of symbols in a table; the vectors of those that are new are made."""
        copied = 0 if self.sizes.symbol_bytes == NUMBER else NUMBER * self.rows
        values[node.outs[0]] = self.new(NUMBER * self.rows)
        self.numpy(max(copied, self.sizes.numbers[node.outs[0]].vectors_bytes(self.rows)))
        return ()

    def _loss(self) -> Block:
        """dy, made while y is there."""
        sizes, y = self.sizes, self.size(self.sizes.model.outputs[0])
        if sizes.loss_whole:  # a part of what is held for all steps
            return self.new(y, self.new(0))
        self.heap.note(y + sizes.loss_bytes(self.length) + self.length * sizes.target_bytes)
        self.heap.numpy += sizes.loss_bytes(self.length) + self.length * sizes.target_bytes
        self.heap.numpy += 0 if sizes.loss_brief else y
        return self.new(y)

    def _backward_layer(self, node: Node, saved: Any, deltas: list[Any]) -> None:
        given, *others = [deltas[k] for k in node.outs]
        if not others and given is not None and given.dense and self._by_kernels(node, saved[0] if saved else None):
            own = node_calls.take_deltas(node, deltas)
            dx, job = self.new(self.size(node.args[0])), tables.job(self.sizes, node, self.length)
            self._table(job, job)
            _send(node, (dx,), deltas)
            del own
            return
        dy = self.recursion(node, saved, deltas)
        if dy is not None and self.layer(node).params:
            self.read_off(node, saved, dy)

    def _backward_recurrent(
        self, node: Node, x: Block, dy: Block | None, dstate: Deltas
    ) -> tuple[Block | None, Deltas]:
        sizes, part = self.sizes, self.sizes.layouts[node.number]
        (k,) = node.args
        if isinstance(part, Layout):
            found = self._interpreted(part).backward(x, dy, dstate, dx=bool(k or sizes.floats))
            self.heap.numpy += self.heap.peak  # no part of it is left to the next run
            return found
        if (part.by_kernels and (dy is None or not dy.dense)) or (dy is None and part.writes_dx):
            dy = self.new(self.size(node.outs[0]))
        placed = sizes.dx and node is self.parts.only and part.writes_dx  # where it stays, among the gradients
        dx = None
        if (k or sizes.floats) and k not in sizes.numbers:
            dx = self.new(0 if placed else self.size(k))
            dx.size = self.size(k)
        self._table(*part.task_bytes(self.length))
        need = part.backward_bytes(self.length)
        self.heap.note(need)
        self.heap.numpy += 0 if part.by_kernels else need + (0 if dx is None else dx.nbytes)
        return dx, [self.new(part.delta_bytes())]

    def _table(self, nbytes: int, spare: int = 0) -> None:
        """A table of tasks is made, with temporary bytes, and stays."""
        if self._tables is not None:
            self._tables.append(self.new(nbytes))
            self.heap.note(spare)

    def _by_kernels(self, node: Node, x: Block | None) -> bool:
        return node.number in self.sizes.dense and x is not None and x.dense


def _send(node: Node, dxs: Any, deltas: list[Any]) -> None:
    """Blocks go the way of arrays."""
    node_calls.add_deltas(node, dxs, deltas)
