"""The kernels of a cell for a batch: runs chunks as ``rnnbp.compiler.program.Program`` does, batch first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from rnnbp.compiler.tapes import ProgramTape, States
from rnnbp.compiler.workspace import Workspace
from rnnbp.interpreter import Accumulator
from rnnbp.kernels.buffers import Buffers
from rnnbp.kernels.cell import Kernel
from rnnbp.kernels.packing import Panels
from rnnbp.kernels.sizes import KernelSizes
from rnnbp.kernels.table import Table, WithTable
from rnnbp.layers.embedding import Symbols
from rnnbp.native import threads
from rnnbp.native.calls import NUMBERS
from rnnbp.numerics import Array, Shape, address
from rnnbp.rng import Context

WAKING = 10**7
"""Floating-point operations that take as long as to wake a thread, some tenth of a millisecond."""
READING = 2**19
"""Bytes of weights that take longer to read than to be multiplied by a row, and threads to meet for."""


class KernelProgram:
    """Runs a cell by kernels, chunk by chunk, as ``Interpreter`` does. Results do not depend on the threads.

    With a ``table``, x is the numbers of symbols in it (L, B), and has no delta.
    """

    def __init__(self, sizes: KernelSizes, workspace: Workspace, layer: Symbols | None = None) -> None:
        self.sizes, self.layout, self.kernels, self.workspace = sizes, sizes.layout, sizes.cell, workspace
        self.cell, self.remakes_output = sizes.layout.cell, sizes.remakes_output
        self.output_state = sizes.compiled.output_state
        workspace.threads = threads.count()
        self.table = Table(layer, sizes, workspace) if layer is not None and sizes.symbols else None
        self.buffers = Buffers(sizes, workspace, self.table)

    def prepare(self, length: int) -> list[Panels]:
        """Take all the memory that chunks of so many steps need for a whole run; gives what is to be packed."""
        return self.buffers.prepare(length)

    def advance(
        self, x: Array, state: Sequence[Array], context: Context, *, output: bool
    ) -> tuple[Array | None, tuple[Array, ...]]:
        """(y, state) after a chunk x (L, B, ...); without ``output`` y is None, and only what feeds the state runs."""
        kernel = self.kernels.forward(rolling=True, output=output)
        arrays = self.buffers.arrays(kernel, len(x))
        states, x = [arrays[f"H{k}"] for k in range(len(state))], self._lying(x)
        self._enter(states, state)
        y = self._run(kernel, {"x": address(x)}, len(x), output=output)
        return y, self._copies(s[0] for s in states)

    def advance_all(
        self, x: Array, length: int, wanted: Sequence[bool], state: Sequence[Array]
    ) -> list[tuple[Array, ...]]:
        """The states after chunks, of ``length`` steps, of x (T, B, ...), where they are ``wanted``; () elsewhere."""
        kernel, batch, dtype = self.kernels.forward(rolling=True, output=False), self.layout.batch, self.layout.dtype
        arrays, shapes = self.buffers.arrays(kernel, length), self.cell.state_shapes
        states = [arrays[f"H{k}"] for k in range(len(shapes))]
        self._enter(states, state)
        found = [tuple(np.empty((batch, *shape), dtype) for shape in shapes) if yes else () for yes in wanted]
        tasks = np.zeros((len(wanted), len(shapes), NUMBERS), np.int64)
        for piece in (k for k, yes in enumerate(wanted) if yes):
            tasks[piece, :, 1:4] = [(address(a), address(b), b.size) for a, b in zip(states, found[piece], strict=True)]
        tasks[:, :, 0] = self.sizes.copy
        starts = np.arange(0, len(x), length)
        places = np.tile(self.buffers.places(kernel, length).of({"x": address(x)}), (len(starts), 1))
        places[:, [k for k, name in enumerate(kernel.names) if name == "x"]] += starts[:, None] * x.strides[0]
        n = self._workers(kernel.flops * len(x) * batch)
        self._drive(kernel, places, np.minimum(length, len(x) - starts), self.sizes.block(length), tasks, n)
        return found

    def keep(self, x: Array, state: Sequence[Array], context: Context, *, output: bool) -> tuple[Array | None, States]:
        """(y, states) of a chunk."""
        kernel, x = self.kernels.forward(output=output), self._lying(x)
        states = [self.buffers.new(shape) for shape in self.buffers.state_shapes(len(x)).values()]
        self._enter(states, state)
        places = {"x": address(x)} | {f"H{k}": address(array) for k, array in enumerate(states)}
        return self._run(kernel, places, len(x), output=output), self._held(states)

    def record(
        self, x: Array, state: Sequence[Array], context: Context, *, output: bool = True
    ) -> tuple[Array | None, ProgramTape]:
        """(y, tape) of a chunk; without ``output`` y is None."""
        kernel = self.kernels.forward(output=self._made(output), taped=True)
        bundle = self.buffers.bundle(kernel, len(x))
        memory = self.buffers.new((bundle.size,))
        states = [bundle.array(memory, f"H{k}") for k in range(len(state))]
        self._enter(states, state)
        tape = ProgramTape(x, self._held(states), {}, {}, memory, bundle.places(memory))
        return self._taped(kernel, x, tape, output=output)

    def rebuild(
        self, x: Array, states: States, context: Context, *, output: bool = True
    ) -> tuple[Array | None, ProgramTape]:
        """(y, tape) from the states of ``keep``: all steps of a block run at once."""
        kernel = self.kernels.forward(output=self._made(output), taped=True, known=True)
        bundle = self.buffers.bundle(kernel, len(x), states=False)
        memory = self.buffers.new((bundle.size,))
        places = bundle.places(memory) | {f"H{k}": address(array) for k, array in enumerate(states.states)}
        tape = ProgramTape(x, states, {"all": memory}, {}, None, places)
        return self._taped(kernel, x, tape, output=output)

    def backward(
        self,
        tape: ProgramTape,
        dy: Array | None,
        dstate: Sequence[Array | None],
        grads: Accumulator,
        into: Array | None = None,
    ) -> tuple[Array | None, tuple[Array | None, ...]]:
        """The delta recursion from the last step of a chunk to its first, and the parameter gradients."""
        length, kernel = len(tape.x), self.kernels.backward
        arrays = self.buffers.arrays(kernel, length)
        for k, delta in enumerate(dstate):
            np.copyto(arrays[f"C{k}"], 0 if delta is None else delta.reshape(self.layout.batch, -1))
        if dy is None:
            dy = np.zeros((length, self.layout.batch, math.prod(self._output_shape)), self.layout.dtype)
        dx, dy = self._dx(tape.x, into), np.ascontiguousarray(dy, self.layout.dtype)
        given = {"x": tape.x, "dy": dy} | ({} if dx is None else {"dx": dx})
        pieces = self.buffers.pieces(kernel, self.kernels.forward(output=self._made(True), taped=True), given)
        places = tape.places | {"dy": address(dy), "dx": address(dx)}
        table = pieces.tasks(places, WithTable(grads, self.table))
        n = self._workers((kernel.flops + self.kernels.gradient_flops) * length * self.layout.batch)
        self._drive(kernel, pieces.places(places), pieces.lengths, self.sizes.piece(length), table, n)
        return dx, self._copies(arrays[f"C{k}"] for k in range(len(dstate)))

    def _lying(self, x: Array) -> Array:
        """x as kernels read it, whatever layer it comes from."""
        return np.ascontiguousarray(x, self.layout.dtype if self.table is None else np.int64)

    def _dx(self, x: Array, into: Array | None) -> Array | None:
        """The array for the gradient by x, zeros where nothing reaches it; None for symbols."""
        if self.table is not None:
            return None
        dx = self.workspace.new(x.shape, self.layout.dtype, brief=True) if into is None else into
        if "dx" not in self.kernels.backward.names:
            dx[...] = 0
        return dx

    def _taped(self, kernel: Kernel, x: Array, tape: ProgramTape, *, output: bool) -> tuple[Array | None, ProgramTape]:
        tape.x = self._lying(x)
        tape.places["x"] = address(tape.x)
        y = self._run(kernel, tape.places, len(x), output=self._made(output))
        return self._state_as_output(tape) if output and y is None else y, tape

    def _run(self, kernel: Kernel, places: dict[str, int], length: int, *, output: bool) -> Array | None:
        """y of a chunk, or None; its first state is in its place."""
        batch = self.layout.batch
        y = self.buffers.new((length, batch, *self._output_shape)) if output else None
        spots = self.buffers.places(kernel, length).of(places | {"y": address(y)})
        n = self._workers(kernel.flops * length * batch)
        self._drive(kernel, np.array([spots]), np.array([length]), self.sizes.block(length), None, n)
        return y

    def _drive(self, kernel: Kernel, places: Array, lengths: Array, block: int, tasks: Array | None, n: int) -> None:
        """Run a kernel on the pieces of a chunk, whose arrays are at ``places``, with the tasks of each, by n threads.

        Forward there is one piece: every thread takes a share of the batch through the whole chunk; where there are
        few rows for the weights that each step reads, a share of the units, and so of the weights.
        """
        batch = self.layout.batch
        units = kernel.weights * self.layout.dtype.itemsize > READING * -(-batch // n)
        threads.do(
            tasks,
            n if units or tasks is not None else min(n, batch),
            run=kernel.address,
            places=np.ascontiguousarray(places),
            lengths=lengths,
            batch=batch,
            block=block,
            units=units,
        )

    def _workers(self, flops: int) -> int:
        """Threads for some work: to wake another takes as long as many operations."""
        return min(self.workspace.threads, 1 + flops // WAKING)

    def _made(self, output: bool) -> bool:
        """Whether y is an array of its own: it is none where it is a state, which the tape has."""
        return output and self.output_state is None

    def _state_as_output(self, tape: ProgramTape) -> Array:
        """y, where it is a state of the tape: to be read."""
        assert self.output_state is not None
        y = tape.states.states[self.output_state][1:].reshape(-1, self.layout.batch, *self._output_shape)
        y.flags.writeable = False
        return y

    def _enter(self, states: Sequence[Array], given: Sequence[Array]) -> None:
        """Put the state in before the first step."""
        for array, state in zip(states, given, strict=True):
            np.copyto(array[0], state.reshape(self.layout.batch, -1))

    def _copies(self, states: Iterable[Array]) -> tuple[Array, ...]:
        """States (B, ...), or deltas of these, of a run's own."""
        return tuple(s.reshape(-1, *shape).copy() for s, shape in zip(states, self.cell.state_shapes, strict=True))

    def _held(self, states: list[Array]) -> States:
        return States(states, self.cell.state_shapes, batch_first=True)

    @property
    def _output_shape(self) -> Shape:
        return self.layout.shapes[self.cell.outputs[0]]
