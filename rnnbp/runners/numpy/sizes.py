"""What a step program holds and needs, in bytes and steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

from rnnbp.compiler.op import Op
from rnnbp.compiler.opaque import saved_bytes, takes_symbols
from rnnbp.compiler.step import StepCode
from rnnbp.compiler.weights import Matrix, Vector, identity_of
from rnnbp.graph.layout import Layout
from rnnbp.graph.liveness import NUMBER, Cost, layer_cost
from rnnbp.layers.base import Layer
from rnnbp.numerics import Shape
from rnnbp.runners.apart import buffered_elements
from rnnbp.runners.constants import Constant
from rnnbp.runners.draws import Draws
from rnnbp.runners.numpy.function import Function
from rnnbp.runners.numpy.functions import Functions, functions
from rnnbp.runners.runner_sizes import ArrayCounts
from rnnbp.runners.steps import StepSizes
from rnnbp.runners.workspace import ALIGNMENT, workspace_bytes
from rnnbp.support.lazy import cached_property

COLUMNS = 2048
"""Columns, steps times batch, of the products for gradients; more make them no faster."""
CACHE = 2**19
"""Bytes of a block's arrays, which are to stay in the processor's cache."""
PHASES = "before", "loop", "after"
"""In the order in which they run."""


@final
@dataclass(frozen=True)
class ProgramSizes(StepSizes):
    """A compiled cell on a batch."""

    layout: Layout
    functions: Functions
    whole: ProgramSizes | None = None

    def of_rows(self, rows: int) -> ProgramSizes:
        return ProgramSizes(self.layout.of_rows(rows), self.functions, self.whole or self)

    @property
    def step(self) -> StepCode:
        """The compiled cell."""
        return self.functions.step

    @cached_property
    def _all(self) -> tuple[Function, ...]:
        made = self.functions
        return (
            made.advance,
            made.outputs,
            made.keep,
            made.keep_outputs,
            made.record,
            made.rebuild,
            made.backward,
        )

    @cached_property
    def _row(self) -> int:
        """Bytes of a feature of a step."""
        return self.layout.batch * self.layout.dtype.itemsize

    @property
    def remakes_output(self) -> bool:
        """Whether y need not be kept next to the tape, for it is a state there."""
        return self.step.forward.output_state is not None

    @cached_property
    def array_counts(self) -> ArrayCounts:
        made = self.functions
        pair = made.record.named, made.backward.named
        taped = 2 * self.layout.n_states + len(made.record.tape)
        return ArrayCounts(sum(map(len, pair)) + len(made.gathers.rows), taped)

    def block(self, length: int) -> int:
        """Steps in a block of a chunk of this many steps."""
        rows = max(sum(f.block.values()) for f in (self.functions.record, self.functions.backward))
        row = self.batch * self.layout.dtype.itemsize
        return self.together(length, CACHE // max(1, rows * row))

    def piece(self, length: int) -> int:
        """Steps that backward takes together; all of a chunk where opaque layers wait for them."""
        return length if self._opaque else self.together(length, COLUMNS // self.batch)

    def shapes(self, function: Function, length: int) -> dict[str, Shape]:
        """The shapes of the arrays that a function needs while it runs."""
        batch, size, made = self.layout.batch, self.block(length), self.functions
        states = self.step.forward.states
        found: dict[str, Shape] = {
            name: (size, rows, batch) for name, rows in function.block.items()
        }
        found |= {name: (rows, batch) for name, rows in function.step.items()}
        if function is made.backward:
            # A cache line more than a chunk has, for rows that are not 4 KiB apart.
            columns = self.piece(length) * batch + ALIGNMENT // self.layout.dtype.itemsize
            found |= {name: (rows, columns) for name, rows in made.gathers.rows.items()}
            found |= {buffer.name: (buffer.rows, batch) for buffer in self.step.backward.carried}
        elif function in (made.advance, made.outputs):
            found |= {buffer.name: (size + 1, buffer.rows, batch) for buffer in states}
        if function.drawn:
            found |= self.draws.shapes(function.drawn, length)
        return found

    @cached_property
    def draws(self) -> Draws:
        """The random numbers of the cell."""
        return Draws(self.step.forward, self.layout.batch, self.layout.dtype)

    def workspace_bytes(self, length: int) -> int:
        """The memory that all functions use, one after the other."""
        dtype = self.layout.dtype
        return max(workspace_bytes(self.shapes(f, length).values(), dtype) for f in self._all)

    @cached_property
    def constants(self) -> dict[object, Constant]:
        """What a run packs: weights, biases and numbers of all functions, by identity."""
        values = [value for function in self._all for value in function.constants.values()]
        values += self.step.backward.dx_weights.values()
        return {identity_of(value): value for value in values}

    def program_bytes(self, length: int) -> int:
        """Weights in the order that products read them in, and biases for the whole batch."""
        values = self.constants.values()
        matrices = sum(value.nbytes for value in values if isinstance(value, Matrix))
        return matrices + sum(
            value.count * self._row for value in values if isinstance(value, Vector)
        )

    def tape_bytes(self, length: int) -> int:
        """A tape. Raises TypeError where a layer does not declare what it keeps."""
        for op in self._opaque:
            if self._layer(op).keeps(*op.opaque.shapes) is None:
                raise TypeError(
                    f"{op.opaque.layer}: its bytes are not known; "
                    "declare them by a method keeps(*shapes)"
                )
        rows = sum(self.functions.record.tape.values())
        return length * (rows * self._row + sum(map(self._taped, self._opaque))) + self.thin_bytes(
            length
        )

    def advance_bytes(self, length: int) -> int:
        buffers = max(
            self._buffers(f, length) for f in (self.functions.advance, self.functions.outputs)
        )
        return self.state_bytes() + max(buffers, self._running(length, taped=False))

    def record_bytes(self, length: int) -> int:
        buffers = self._buffers(self.functions.record, length)
        return self.state_bytes() + max(buffers, self._running(length, taped=True))

    def rebuild_bytes(self, length: int) -> int:
        size = self.block(length)
        buffers = self._buffers(self.functions.rebuild, length)
        return max(
            [buffers, *(self._forward(op, size) - size * self._taped(op) for op in self._opaque)]
        )

    def _running(self, length: int, *, taped: bool) -> int:
        """The most that an opaque layer takes while it runs, the tape apart."""
        found = [0]
        for op in self._opaque:
            steps = 1 if self.step.forward.phases[id(op)] == "loop" else self.block(length)
            found.append(self._forward(op, steps) - taped * steps * self._taped(op))
        return max(found)

    def backward_bytes(self, length: int) -> int:
        back, item = self.step.backward, self.layout.dtype.itemsize
        needs = [op.matrix.nbytes for op in back.code.ops if op.name == "grad_linear"]
        needs += [2 * op.vector.count * item for op in back.code.ops if op.name == "grad_bias"]
        waiting = reading = 0
        for op in (op.forward for op in back.opaque):
            if op.opaque.layer.params:
                waiting += self._size(op.outs, length)
                reading = max(reading, self._read_off(op, length))
        buffers = self._buffers(self.functions.backward, self.piece(length))
        needs += [buffers, self.state_bytes() + reading]  # the state's come last
        return waiting + max([*needs, *self._running_back(self.block(length))])

    def _running_back(self, steps: int) -> Iterator[int]:
        """What each opaque layer takes in the last block that goes backward, of this many steps.

        The deltas of layers after it are not there yet, though they wait for those of all steps.
        """
        back, to_come, in_step = self.step.backward, 0, 0
        order = [
            op
            for phase in PHASES
            for op in back.steps
            if op.name == "opaque_back" and back.phases[id(op)] == phase
        ]
        forward = self.step.forward
        by_step = {
            op.opaque.node.number for op in forward.opaque if forward.phases[id(op)] == "loop"
        }
        for op in reversed(order):
            loop = back.phases[id(op)] == "loop"
            # What it saved step by step is put together for a block.
            apart = op.forward.opaque.node.number in by_step and not loop
            stacked = steps * self._read(op.forward) if apart else 0
            deltas = self._deltas(op.forward, 1 if loop else steps)
            yield deltas + stacked - (in_step if loop else to_come)
            waits = self._size(op.forward.outs, 1) if op.forward.opaque.layer.params else 0
            to_come += steps * waits
            in_step += waits if loop else steps * waits

    def _buffers(self, function: Function, length: int) -> int:
        """NumPy's own, while a function runs."""
        steps = min(self.block(length), length)
        return (
            buffered_elements(function.apart, steps, self.layout.batch) * self.layout.dtype.itemsize
        )

    @cached_property
    def _opaque(self) -> tuple[Op, ...]:
        return self.step.forward.opaque

    @property
    def stepped(self) -> int:
        """The opaque layers that run step by step, and whose every step is kept."""
        return sum(
            self.step.forward.phases[id(op)] == "loop" and self._taped(op) > 0
            for op in self._opaque
        )

    @cached_property
    def read(self) -> frozenset[int]:
        """The opaque layers that backward runs; what others save is not kept."""
        return frozenset(op.opaque.node.number for op in self.step.backward.opaque)

    def _taped(self, op: Op) -> int:
        """What an opaque layer puts into a tape at a step."""
        return self._saved(op) if op.opaque.node.number in self.read else 0

    def _saved(self, op: Op) -> int:
        """What an opaque layer keeps of a step; 0 where it does not say so."""
        return self.layout.batch * (saved_bytes(op, self.layout) or 0)

    def _layer(self, op: Op) -> Layer:
        """The layer whose bytes an opaque one takes."""
        return self.layout.layer(op.opaque.layer)

    def _size(self, values: Sequence[int], steps: int) -> int:
        return sum(self.step.values.rows(v) for v in values) * steps * self._row

    def _cost(self, op: Op, steps: int) -> Cost:
        rows, item = steps * self.layout.batch, self.layout.dtype.itemsize
        return layer_cost(op.opaque.node, self._layer(op), self.layout.shapes, rows, item)

    def _forward(self, op: Op, steps: int) -> int:
        """Copies of what an opaque layer takes, what it gives, and its own scratch."""
        taken = () if takes_symbols(op) else op.args
        given = () if self._layer(op).view else op.outs
        return self._size((*taken, *given), steps) + self._cost(op, steps).forward

    def _deltas(self, op: Op, steps: int) -> int:
        """Deltas that an opaque layer gives, and takes unless they wait; its scratch."""
        taken = () if op.opaque.layer.params else op.outs
        given = () if takes_symbols(op) or self._layer(op).view else op.args
        return self._size((*given, *taken), steps) + self._cost(op, steps).inputs

    def _read_off(self, op: Op, length: int) -> int:
        """An opaque layer's deltas, what it saved, and its gradients, of all steps."""
        saved = length * self._read(op)
        return self._size(op.outs, length) + saved + self._cost(op, length).params

    def _read(self, op: Op) -> int:
        """What an opaque layer saved of a step, symbols included, which no tape holds."""
        keeps = op.opaque.layer.keeps(()) if takes_symbols(op) else None
        symbols = NUMBER * self.layout.batch if keeps is not None and keeps.inputs else 0
        return self._saved(op) + symbols


def sizes_of(layout: Layout, without: frozenset[str] = frozenset()) -> ProgramSizes:
    """What the program of a cell holds and needs."""
    return ProgramSizes(
        layout, functions(layout.cell, layout.x_shapes, without, training=layout.draws)
    )
