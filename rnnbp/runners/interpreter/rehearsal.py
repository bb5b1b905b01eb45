"""A chunk of a cell as the interpreter runs it, on blocks instead of arrays.

Each method follows its counterpart in ``Interpreter`` line by line; steps that repeat others are
left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

from rnnbp.graph.deltas import send
from rnnbp.graph.graph import Node
from rnnbp.graph.layout import Layout
from rnnbp.graph.values import Per
from rnnbp.layers.base import Layer
from rnnbp.numerics import Shape
from rnnbp.runners.blocks import BlockDeltas, Blocks, Layers
from rnnbp.runners.heap import Block, Heap
from rnnbp.runners.interpreter.leaves import Leaves
from rnnbp.runners.rehearsal import CellRehearsal, StateDeltas, Tables, TapeBlocks


@final
class CellLayers(Layers):
    """The layers of a cell, on ``rows`` batch elements at once."""

    def __init__(
        self, heap: Heap, layout: Layout, rows: int, symbol_bytes: int, *, flat: bool
    ) -> None:
        super().__init__(heap, rows, layout.dtype.itemsize, symbol_bytes, flat=flat)
        self.layout = layout
        self.leaves = Leaves(layout.cell)

    def shape(self, value: int) -> Shape:
        return self.layout.shapes[value]

    def layer(self, node: Node) -> Layer:
        assert isinstance(node.block, Layer)
        return self.layout.layer(node.block)

    def leaf(self, value: int) -> int:
        """The bytes of a leaf, without batch axes."""
        return math.prod(self.shape(value)) * self.item

    def per(self, value: int) -> Per:
        return "run" if value in self.leaves.numbers else "step"

    def hold(self, node: Node, deltas: BlockDeltas) -> dict[int, Block | None]:
        """As ``Leaves.hold``."""
        found: dict[int, Block | None] = {}
        for k in self.leaves.taken(node):
            found[k], deltas[k] = deltas[k], None
        return found

    def add(self, held: dict[int, Block | None], deltas: BlockDeltas) -> None:
        """As ``Leaves.add``."""
        for k, before in held.items():
            delta = deltas[k]
            if delta is None:
                deltas[k] = before
                continue
            if delta.size > self.leaf(k):
                delta = self.new(self.leaf(k))
            deltas[k] = delta if before is None else before + delta


@final
class InterpreterRehearsal(CellRehearsal):
    """Chunks of ``length`` steps; values that live elsewhere are views of ``_outside``.

    Args:
        kept: whether y lives in a tape.
    """

    def __init__(
        self, heap: Heap, layout: Layout, length: int, symbol_bytes: int, *, kept: bool
    ) -> None:
        self.heap, self.layout, self.cell = heap, layout, layout.cell
        self.length, self.kept = length, kept
        self.step = CellLayers(heap, layout, layout.batch, symbol_bytes, flat=True)
        self.chunk = CellLayers(heap, layout, length * layout.batch, symbol_bytes, flat=False)
        self.steps = min(length, layout.n_states + 2)
        """Those after which all states have deltas, and are like others."""
        self._outside = self.step.new(0)

    def advance(self, xs: Sequence[Block], *, output: bool) -> tuple[Block | None, list[Block]]:
        nodes = self.cell.nodes if output else self.cell.feeding
        y = self.chunk.new(self._y) if output else None
        present = self._entering()
        for _ in range(self.steps):
            values = self._values(xs, present)
            for node in nodes:
                self.step.forward(node, values)
            present = [values[k] for k in self.cell.outputs[1:]]
            del values
        return y, [s if s.base is None else self.step.new(s.size) for s in present]

    def record(
        self, xs: Sequence[Block], tape: int, *, output: bool
    ) -> tuple[Block | None, TapeBlocks]:
        states = self._states()
        own = self.chunk.new(tape - sum(block.size for block in states))
        found = TapeBlocks(xs, [*states, own])
        fresh = None if self.kept else self.chunk.new(self._y)
        homes = {*self.layout.buffered, *self.layout.next_of}
        saved = None  # a cell may have no nodes
        for _ in range(self.steps):
            values = self._values(xs, self._entering())
            for node in self.cell.nodes:
                saved = self.step.forward(node, values)
                for v in homes.intersection(node.outs):
                    values[v] = self._elsewhere(v)
        del saved
        return self.chunk.new(self._y, own) if fresh is None else fresh, found

    def rebuild(
        self, xs: Sequence[Block], tape: int, states: Block, *, output: bool
    ) -> tuple[Block | None, TapeBlocks]:
        layout, found = self.layout, TapeBlocks(xs, [states])
        values: Blocks = [*self._repeated(xs), *[states] * layout.n_states]
        values += [None] * (self.cell.n_values - len(values))
        for at, node in enumerate(self.cell.nodes):
            saved = self.chunk.forward(node, values)
            for v in node.outs:
                if v in layout.next_of:
                    values[v] = states
                elif v in layout.kept:
                    values[v] = values[v] if values[v].dense else self.chunk.new(values[v].size)
                    found.held.append(values[v])
            for v, last in layout.last_uses.items():
                if last == at and v != self.cell.outputs[0]:
                    values[v] = None
            keeps = layout.keeps[node.number]
            found.held.extend(saved[len(keeps.inputs) + len(keeps.outputs) :] if keeps else ())
        y = values[self.cell.outputs[0]]
        return self.chunk.new(self._y, y, dense=y.dense), found

    def backward(
        self,
        tape: TapeBlocks,
        dy: Block | None,
        dstate: StateDeltas,
        tables: Tables,
        *,
        dx: Sequence[bool],
        placed: Sequence[bool],
    ) -> tuple[tuple[Block | None, ...], StateDeltas]:
        xs, first = self._repeated(tape.xs), self.cell.n_inputs
        made: list[Block | None] = [None] * first
        carried: StateDeltas = tuple(dstate) or (None,) * self.layout.n_states
        dys: dict[int, list[Block | None]] = {}
        for _ in range(self.steps):
            deltas: BlockDeltas = [None] * self.cell.n_values
            send(self.cell.outputs, [self._dy_of_step(dy), *carried], deltas)
            self.step.add(dict.fromkeys(self.step.leaves.numbers), deltas)
            carried = ()
            for node in reversed(self.cell.nodes):
                self._node_back(node, xs, deltas, dys)
            for k in [k for k in range(first) if dx[k] and made[k] is None]:
                made[k] = None if deltas[k] is None else self._input(k)
            carried = tuple(deltas[first : first + self.layout.n_states])
            deltas = deltas if first == 1 else []  # of one input they count to the end
        carried = [d if d is None or d.alone else self.step.new(d.size) for d in carried]
        for node in (node for node in self.cell.nodes if node.number in dys):
            self.chunk.read_off(node, _taken(node, xs), None)
        self.heap.numpy += self.heap.peak  # NumPy's memory: no part of it is kept for the next run
        return tuple(made), carried

    def _dy_of_step(self, dy: Block | None) -> Block | None:
        """A view of the dy of one step."""
        y = self.cell.outputs[0]
        return None if dy is None else self.step.new(self.step.size(y), dy, dense=dy.dense)

    def deltas(self) -> StateDeltas:
        found = {k: self.step.new(self.step.size(k)) for k in self._state_values}
        return [delta if k in self.layout.reached else None for k, delta in found.items()]

    def _node_back(
        self,
        node: Node,
        xs: Sequence[Block],
        deltas: BlockDeltas,
        dys: dict[int, list[Block | None]],
    ) -> None:
        held = self.step.hold(node, deltas)
        found = self.step.recursion(node, _taken(node, xs), deltas)
        self.step.add(held, deltas)
        if found is not None and self.step.layer(node).params:
            parts = found if isinstance(found, tuple) else (found,)
            buffers = dys.setdefault(node.number, [None] * len(parts))
            for k, part in enumerate(parts):
                if part is not None and buffers[k] is None:
                    buffers[k] = self.chunk.new(self.chunk.size(node.outs[k]))

    @property
    def _y(self) -> int:
        return self.chunk.size(self.cell.outputs[0])

    def _input(self, k: int) -> Block:
        """A block as large as an input."""
        if self.cell.pers[k] == "run":
            return self.step.new(self.step.leaf(k))
        layers = self.chunk if self.cell.pers[k] == "step" else self.step
        return layers.new(layers.size(k))

    def _repeated(self, xs: Sequence[Block]) -> list[Block]:
        """The inputs as they are at all steps: a static one lies apart."""
        return [
            x
            if self.cell.pers[k] == "step"
            else self.chunk.new(self.chunk.size(k), x, dense=self.length == 1)
            for k, x in enumerate(xs)
        ]

    def _values(self, xs: Sequence[Block], state: Sequence[Block]) -> Blocks:
        here = [self.step.new(self.step.size(k), x, dense=x.dense) for k, x in enumerate(xs)]
        return [*here, *state, *[None] * (self.cell.n_values - len(here) - len(state))]

    @property
    def _state_values(self) -> range:
        return range(self.cell.n_inputs, self.layout.first)

    def _states(self) -> list[Block]:
        row = self.length + 1
        return [self.chunk.new(row * self.step.size(k)) for k in self._state_values]

    def _entering(self) -> list[Block]:
        return [self._elsewhere(k) for k in self._state_values]

    def _elsewhere(self, value: int) -> Block:
        """A value of a step that lies in an array of its own, which is there anyway."""
        return self.step.new(self.step.size(value), self._outside)


def _taken(node: Node, xs: Sequence[Block]) -> list[Block]:
    """The inputs of the cell that a node takes."""
    return [xs[k] for k in node.args if k < len(xs)]
