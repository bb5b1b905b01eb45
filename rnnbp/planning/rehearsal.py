"""The actions on a chunk, run on sizes instead of arrays: the most bytes alive at once.

Each function follows its counterpart in ``Chunks`` line by line: a ``Block`` stands for an array,
and is alive as long as that would be, because Python counts references to both alike.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rnnbp.graph.deltas import send, take_delta
from rnnbp.graph.graph import Node
from rnnbp.graph.liveness import NUMBER
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.values import Per
from rnnbp.layers.base import Layer
from rnnbp.numerics import Shape
from rnnbp.planning import tables
from rnnbp.planning.fixed_blocks import FixedBlocks
from rnnbp.runners.blocks import BlockDeltas, Blocks, Layers
from rnnbp.runners.heap import Block, Heap
from rnnbp.runners.rehearsal import CellRehearsal, StateDeltas, TapeBlocks

if TYPE_CHECKING:
    from rnnbp.planning.sizes import Sizes


@dataclass
class Taped:
    """What a chunk keeps for its backward: of each node of the body, and values for the tail."""

    tapes: list[TapeBlocks]
    saved: list[tuple[Block, ...]]
    frontier: dict[int, Block]


class Rehearsal(Layers):
    """Chunks of ``length`` steps of what ``sizes`` describes."""

    def __init__(self, sizes: Sizes, length: int) -> None:
        item = sizes.dtype.itemsize
        heap = Heap(np.getbufsize() * item)
        super().__init__(heap, length * sizes.batch, item, sizes.symbol_bytes, flat=False)
        self.sizes, self.length, self.parts = sizes, length, sizes.parts
        self.fixed = FixedBlocks(sizes, heap, length)
        self._tables: list[Block] | None = [] if sizes.few else None
        """Those that a Backward makes, for few rows in each call; None where it has them."""
        self.cells: dict[int, CellRehearsal] = {
            number: part.rehearsal(heap, length, sizes.symbol_bytes)
            for number, part in sizes.cells.items()
        }

    def shape(self, value: int) -> Shape:
        return self.sizes.shapes[value]

    def per(self, value: int) -> Per:
        return self.parts.pers[value]

    def layer(self, node: Node) -> Layer:
        return self.sizes.layer(node)

    def size(self, value: int) -> int:
        """The bytes of a value as nodes of a chunk read it: what is the same at all steps too."""
        if self.parts.pers[value] == "step":
            return self.sizes.value(value, self.length)
        return super().size(value)

    def advance(self, *, output: bool = False) -> int:
        """The most bytes of an Advance; with ``output``, of one that runs the tail too."""
        fed = [n.number for n in self.parts.recurrent if output or self.parts.fed & {*n.outs}]
        values, _ = self._run(fed)
        for node in self.parts.tail if output else ():
            self.forward(node, values)
        return self.heap.peak

    def record(self, *, rebuilt: bool = False) -> tuple[int, int]:
        """(the most bytes of a Record or Rebuild, those of its tape); thin tapes count."""
        thin = [
            self.new(part.thin_bytes(self.length) if rebuilt else 0)
            for part in self.sizes.cells.values()
        ]
        taped = self._taped(thin)
        del thin
        tape = self.heap.total
        self.new(0 if rebuilt else self.sizes.slot)  # the state that leaves it
        del taped
        return self.heap.peak, tape

    def backward(self, *, first: bool, given: bool = False, tabled: bool = True) -> int:
        """The most bytes of a Backward apart from its tape.

        Args:
            first: no deltas of the state are there before, but those that are ``given``.
            tabled: the tables of its tasks are there.
        """
        taped = self._taped([self.new(0) for _ in self.sizes.cells])
        tape, self.heap.peak, self.heap.numpy = self.heap.total, 0, 0
        self._tables = None if tabled and not self.sizes.few else []
        dstates: dict[int, StateDeltas] = {}
        for node in self.parts.recurrent:
            there = given and node.number in self.sizes.dstate if first else True
            some = there and node.number in self.sizes.reached
            dstates[node.number] = self.cells[node.number].deltas() if some else []
        waiting = self.sizes.given_deltas * given if first else self.sizes.deltas
        deltas = self._reversed(taped, dstates)
        del taped  # it is dropped before the deltas of the inputs are taken
        self._end(deltas)
        return self.heap.peak - tape - waiting

    def _reversed(self, taped: Taped, dstates: dict[int, StateDeltas]) -> BlockDeltas:
        deltas, saved = self._tail(taped)
        for node, kept in zip(reversed(self.parts.tail), reversed(saved), strict=True):
            self._backward_layer(node, kept, deltas)
        self._backward_body(taped, deltas, dstates)
        return deltas

    def _backward_body(
        self, taped: Taped, deltas: BlockDeltas, dstates: dict[int, StateDeltas]
    ) -> None:
        tapes, others = reversed(taped.tapes), reversed(taped.saved)
        for node in reversed(self.body):
            if isinstance(node.block, Recurrent):
                own = take_delta(node, deltas)
                dxs, dstates[node.number] = self._backward_recurrent(
                    node, next(tapes), own, dstates[node.number]
                )
                del own
                send(node.args, self.fixed.left(node, dxs), deltas)
            else:
                self._backward_layer(node, next(others), deltas)

    @property
    def body(self) -> Sequence[Node]:
        """The nodes of the body in the order in which they run."""
        return self.parts.body

    def _end(self, deltas: BlockDeltas) -> None:
        """The deltas of the inputs are put in their place."""

    def _tail(self, taped: Taped) -> tuple[BlockDeltas, list[tuple[Block, ...]]]:
        """The deltas of the outputs alone, and what the tail saved."""
        values = self._known(taped)
        saved = [self.forward(node, values) for node in self.parts.tail]
        return self._losses(), saved

    def _known(self, taped: Taped) -> Blocks:
        """The values that the tail starts from."""
        values = self.fixed.values()
        for k, frontier in taped.frontier.items():
            values[k] = frontier
        for node in self.parts.recurrent:
            if self.sizes.remade(node):
                values[node.outs[0]] = self.new(self.size(node.outs[0]))
        return values

    def kept(self) -> dict[int, int]:
        """Bytes of a tape by node: what each keeps that no earlier one does, outputs too."""
        taped = self._taped([self.new(0) for _ in self.sizes.cells])
        found, total = dict.fromkeys(range(len(self.parts.nodes)), 0), self.heap.total
        takers = {k: node.number for node in reversed(self.parts.nodes) for k in node.args}
        makers = takers | {k: node.number for node in self.parts.nodes for k in node.outs}
        for k in list(taped.frontier):
            del taped.frontier[k]
            found[makers[k]] += total - self.heap.total
            total = self.heap.total
        for node in reversed(self.body):
            (taped.tapes if isinstance(node.block, Recurrent) else taped.saved).pop()
            found[node.number] += total - self.heap.total
            total = self.heap.total
        return found

    def _begin(self) -> Blocks:
        values = self.fixed.values()
        for k in self.parts.series:
            given, size = self.sizes.inputs[k], self.size(k)
            values[k] = x = self.new(size if given.copied or not given.floats else 0)  # of symbols
            x.size = size
        return values

    def _run(self, fed: Container[int]) -> tuple[Blocks, list[list[Block]]]:
        """Run the body and keep nothing; the Recurrents ``fed`` give their outputs."""
        values, after = self._begin(), list[list[Block]]()
        for node in self.body:
            if isinstance(node.block, Recurrent):
                xs, output = self.fixed.inputs(node, values), node.number in fed
                y, state = self.cells[node.number].advance(xs, output=output)
                values[node.outs[0]] = y
                after.append(state)
                del y
            else:
                self.forward(node, values)
        return values, after

    def _taped(self, thin: Sequence[Block]) -> Taped:
        """Run the body and keep its internals; thin tapes of no bytes are none."""
        values, given, taped = self._begin(), iter(thin), Taped([], [], {})
        for node in self.body:
            if isinstance(node.block, Recurrent):
                cell, states = self.cells[node.number], next(given)
                xs = self.fixed.inputs(node, values)
                nbytes, output = self.sizes.tape_of(node, self.length), not self.sizes.remade(node)
                if states.nbytes:
                    y, tape = cell.rebuild(xs, nbytes, states, output=output)
                else:
                    y, tape = cell.record(xs, nbytes, output=output)
                values[node.outs[0]] = y
                taped.tapes.append(tape)
            else:
                taped.saved.append(self.forward(node, values))
        taped.frontier |= {k: values[k] for k in self.parts.frontier if values[k] is not None}
        return taped

    def forward(self, node: Node, values: Blocks) -> tuple[Block, ...]:
        """A layer outside cells, or what stands for it."""
        x = values[node.args[0]]
        if node.outs[0] in self.sizes.numbers:
            return self._numbers(node, values)
        if self._by_kernels(node, x):
            values[node.outs[0]] = self.new(self.size(node.outs[0]))
            saved = self.kept_of(node, [x], values)
            again = node in self.sizes.ahead and not self.sizes.few  # its table has been made
            self._table(0 if again else tables.job(self.sizes, node, self.length))
            self._called()
            return saved
        saved = super().forward(node, seen := self.fixed.spread(node, values))
        for k in node.outs:
            values[k] = seen[k]
        return saved

    def _numbers(self, node: Node, values: Blocks) -> tuple[()]:
        """Numbers of symbols in a table; vectors of new ones are made."""
        copied = 0 if self.sizes.symbol_bytes == NUMBER else NUMBER * self.rows
        values[node.outs[0]] = self.new(NUMBER * self.rows)
        self.numpy(max(copied, self.sizes.numbers[node.outs[0]].vector_bytes(self.rows)))
        return ()

    def _losses(self) -> BlockDeltas:
        """The deltas of the outputs, made while these are there."""
        deltas: BlockDeltas = [None] * self.sizes.model.n_values
        deltas[self.sizes.model.outputs[0]] = self._loss()
        return deltas

    def _loss(self) -> Block:
        """dy, made while y is there."""
        sizes, y = self.sizes, self.size(self.sizes.model.outputs[0])
        if sizes.loss_whole:  # a part of what is held for all steps
            return self.new(y, self.new(0))
        self.heap.note(y + sizes.loss_bytes(self.length) + self.length * sizes.target_bytes)
        self.heap.numpy += sizes.loss_bytes(self.length) + self.length * sizes.target_bytes
        self.heap.numpy += 0 if sizes.loss_brief else y
        return self.new(y)

    def _backward_layer(self, node: Node, saved: tuple[Block, ...], deltas: BlockDeltas) -> None:
        given, *others = [deltas[k] for k in node.outs]
        if (
            not others
            and given is not None
            and given.dense
            and self._by_kernels(node, saved[0] if saved else None)
        ):
            own = take_delta(node, deltas)
            (k,), job = node.args, tables.job(self.sizes, node, self.length)
            dx = self.new(0 if self.sizes.written(node, k) else self.size(k))
            dx.size = self.size(k)
            self._table(job, job)
            self._called()
            send(node.args, (dx,), deltas)
            del own
            return
        dy = self.recursion(node, saved, deltas)
        if dy is not None and self.layer(node).params:
            self.read_off(node, saved, dy)
        self.fixed.collect(node, deltas)

    def _backward_recurrent(
        self, node: Node, tape: TapeBlocks, dy: Block | None, dstate: StateDeltas
    ) -> tuple[tuple[Block | None, ...], StateDeltas]:
        placed = [self.sizes.written(node, k) for k in node.args]
        cell, dx = self.cells[node.number], [self.sizes.floating(k) for k in node.args]
        found = cell.backward(tape, dy, dstate, self._table, dx=dx, placed=placed)
        self._called()
        return found

    def _table(self, nbytes: int, spare: int = 0) -> None:
        """A table of tasks is made, with temporary bytes, and stays."""
        if self._tables is not None:
            self._tables.append(self.new(nbytes))
            self.heap.note(spare)

    def _called(self) -> None:
        """What has made tables has ended: those for few rows go."""
        if self.sizes.few and self._tables is not None:
            self._tables.clear()

    def _by_kernels(self, node: Node, x: Block | None) -> bool:
        return node.number in self.sizes.layers and x is not None and x.dense
