"""The kernels of a cell for a batch: runs chunks as ``rnnbp.compiler.program.Program`` does, batch first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from rnnbp.compiler.code import Matrix, Vector
from rnnbp.compiler.program import vector_of
from rnnbp.compiler.tapes import ProgramTape, States
from rnnbp.compiler.workspace import Workspace
from rnnbp.interpreter import Accumulator
from rnnbp.kernels.bundle import Bundle
from rnnbp.kernels.cell import Kernel
from rnnbp.kernels.packing import Panels, fill
from rnnbp.kernels.sizes import KernelSizes
from rnnbp.kernels.source import TABLE
from rnnbp.kernels.table import Table, WithTable
from rnnbp.kernels.tasks import Pieces, Spots
from rnnbp.layers.embedding import Symbols
from rnnbp.native import threads
from rnnbp.native.driving import NUMBERS
from rnnbp.native.machine import address
from rnnbp.numerics import Array, Shape
from rnnbp.rng import Context

WAKING = 10**7
"""Floating-point operations that take as long as to wake a thread, some tenth of a millisecond."""


class KernelProgram:
    """Runs a cell by kernels, chunk by chunk, as ``Interpreter`` does. Results do not depend on the threads.

    With a ``table``, x is the numbers of symbols in it (L, B), and has no delta.
    """

    def __init__(self, sizes: KernelSizes, workspace: Workspace, layer: Symbols | None = None) -> None:
        self.sizes, self.layout, self.kernels, self.workspace = sizes, sizes.layout, sizes.cell, workspace
        self.cell, self.remakes_output = sizes.layout.cell, sizes.remakes_output
        self.output_state = sizes.compiled.output_state
        self.threads = threads.count()
        self.table = Table(layer, sizes, workspace) if layer is not None and sizes.symbols else None
        self._packed: dict[Any, Array] = {}
        self._panels: list[Panels] = []
        self._vectors: dict[Any, Vector] = {}
        self._spots: dict[Any, Spots] = {}
        self._bundles: dict[Any, Bundle] = {}
        self._cut: dict[int, Pieces] = {}
        """By the length of chunks."""
        self._memory = workspace.memory

    def prepare(self, length: int) -> list[Panels]:
        """Take all the memory that chunks of so many steps need for a whole run; gives what is to be packed."""
        self.workspace.reserve(self.sizes.workspace_bytes(length))
        self.threads = threads.count()
        if not self._packed:
            self._make(self.sizes.constants)
        for key, vector in self._vectors.items():
            self._packed[key][...] = vector_of(vector, self.layout.dtype)
        return self._panels + ([] if self.table is None else self.table.prepare())

    def advance(
        self, x: Array, state: Sequence[Array], context: Context, *, output: bool
    ) -> tuple[Array | None, tuple[Array, ...]]:
        """(y, state) after a chunk x (L, B, ...); without ``output`` y is None, and only what feeds the state runs."""
        kernel = self.kernels.forward(rolling=True, output=output)
        arrays = self._arrays(kernel, len(x))
        states, x = [arrays[f"H{k}"] for k in range(len(state))], np.ascontiguousarray(x)
        y = self._run(kernel, {"x": address(x)}, len(x), states, state, output=output)
        return y, tuple(
            s[0].reshape(-1, *shape).copy() for s, shape in zip(states, self.cell.state_shapes, strict=True)
        )

    def advance_all(
        self, x: Array, length: int, wanted: Sequence[bool], state: Sequence[Array]
    ) -> list[tuple[Array, ...]]:
        """The states after chunks, of ``length`` steps, of x (T, B, ...), where they are ``wanted``; () elsewhere."""
        kernel, batch, dtype = self.kernels.forward(rolling=True, output=False), self.layout.batch, self.layout.dtype
        arrays, shapes = self._arrays(kernel, length), self.cell.state_shapes
        held = [arrays[f"H{k}"][0] for k in range(len(shapes))]
        for array, given in zip(held, state, strict=True):
            np.copyto(array, given.reshape(batch, -1))
        found = [tuple(np.empty((batch, *shape), dtype) for shape in shapes) if yes else () for yes in wanted]
        copy, tasks = self.sizes.copy, np.zeros((len(wanted), len(shapes), NUMBERS), np.int64)
        for piece in (k for k, yes in enumerate(wanted) if yes):
            tasks[piece, :, 1:4] = [(address(a), address(b), b.size) for a, b in zip(held, found[piece], strict=True)]
        tasks[:, :, 0] = copy
        starts = np.arange(0, len(x), length)
        places = np.tile(self._where(kernel, length).of({"x": address(x)}), (len(starts), 1))
        places[:, [k for k, name in enumerate(kernel.names) if name == "x"]] += starts[:, None] * x.strides[0]
        n = min(self._workers(kernel.flops * len(x) * batch), batch)
        self._drive(kernel, places, np.minimum(length, len(x) - starts), self.sizes.block(length), tasks, n)
        return found

    def keep(self, x: Array, state: Sequence[Array], context: Context, *, output: bool) -> tuple[Array | None, States]:
        """(y, states) of a chunk."""
        kernel, x = self.kernels.forward(output=output), np.ascontiguousarray(x)
        states = [self._new(shape) for shape in self._state_shapes(len(x)).values()]
        places = {"x": address(x)} | {f"H{k}": address(array) for k, array in enumerate(states)}
        y = self._run(kernel, places, len(x), states, state, output=output)
        return y, self._held(states)

    def record(
        self, x: Array, state: Sequence[Array], context: Context, *, output: bool = True
    ) -> tuple[Array | None, ProgramTape]:
        """(y, tape) of a chunk; without ``output`` y is None."""
        kernel = self.kernels.forward(output=self._made(output), taped=True)
        bundle = self._bundle(kernel, len(x))
        memory = self._new((bundle.size,))
        states = self._held([bundle.array(memory, f"H{k}") for k in range(len(state))])
        tape = ProgramTape(x, states, {}, {}, memory, bundle.places(memory))
        return self._taped(kernel, x, tape, state, output=output)

    def rebuild(
        self, x: Array, states: States, context: Context, *, output: bool = True
    ) -> tuple[Array | None, ProgramTape]:
        """(y, tape) from the states of ``keep``: all steps of a block run at once."""
        kernel = self.kernels.forward(output=self._made(output), taped=True, known=True)
        bundle = self._bundle(kernel, len(x), states=False)
        memory = self._new((bundle.size,))
        places = bundle.places(memory) | {f"H{k}": address(array) for k, array in enumerate(states.states)}
        tape = ProgramTape(x, states, {"all": memory}, {}, None, places)
        return self._taped(kernel, x, tape, None, output=output)

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
        arrays = self._arrays(kernel, length)
        for k, given in enumerate(dstate):
            np.copyto(arrays[f"C{k}"], 0 if given is None else given.reshape(self.layout.batch, -1))
        if dy is None:
            dy = np.zeros((length, self.layout.batch, self._features()), self.layout.dtype)
        dx, dy = self._dx(tape.x, into), np.ascontiguousarray(dy)
        pieces, piece = self._pieces(tape, dy, dx), self.sizes.piece(length)
        places = tape.places | {"dy": address(dy), "dx": address(dx)}
        table = pieces.tasks(places, WithTable(grads, self.table))
        n = self._workers((kernel.flops + self.kernels.gradient_flops) * length * self.layout.batch)
        self._drive(kernel, pieces.places(places), pieces.lengths, piece, table, n)
        shapes = self.cell.state_shapes
        return dx, tuple(arrays[f"C{k}"].reshape(-1, *shape).copy() for k, shape in enumerate(shapes))

    def _dx(self, x: Array, into: Array | None) -> Array | None:
        """The array for the gradient by x, zeros where nothing reaches it; None for symbols."""
        if self.table is not None:
            return None
        dx = self.workspace.new(x.shape, self.layout.dtype, brief=True) if into is None else into
        if "dx" not in self.kernels.backward.names:
            dx[...] = 0
        return dx

    def _taped(
        self, kernel: Kernel, x: Array, tape: ProgramTape, state: Sequence[Array] | None, *, output: bool
    ) -> tuple[Array | None, ProgramTape]:
        tape.x = np.ascontiguousarray(x)
        tape.places["x"] = address(tape.x)
        y = self._run(kernel, tape.places, len(x), tape.states.states, state, output=self._made(output))
        return self._state_as_output(tape) if output and y is None else y, tape

    def _run(
        self,
        kernel: Kernel,
        places: dict[str, int],
        length: int,
        states: list[Array],
        state: Sequence[Array] | None,
        *,
        output: bool,
    ) -> Array | None:
        for array, given in zip(states, state or (), strict=False):
            np.copyto(array[0], given.reshape(self.layout.batch, -1))
        y = self._empty_output(length) if output else None
        spots = self._where(kernel, length).of(places | {"y": address(y)})
        n = min(self._workers(kernel.flops * length * self.layout.batch), self.layout.batch)
        self._drive(kernel, np.array([spots]), np.array([length]), self.sizes.block(length), None, n)
        return y

    def _where(self, kernel: Kernel, length: int, names: Iterable[str] | None = None) -> Spots:
        """The places of a kernel's arrays, or of those ``names``; what stays from chunk to chunk is known."""
        key = kernel, length, names is None
        if key not in self._spots or self.workspace.memory is not self._memory:
            arrays = self._arrays(kernel, length) | self._constants(kernel)
            if self.workspace.memory is not self._memory:  # it has grown
                self._spots.clear()
                self._cut.clear()
            self._memory = self.workspace.memory
            self._spots[key] = Spots(kernel.names if names is None else names, arrays)
        return self._spots[key]

    def _pieces(self, tape: ProgramTape, dy: Array, dx: Array | None) -> Pieces:
        """What backward does piece by piece with chunks as long as a tape's."""
        length, kernel, tasks = len(tape.x), self.kernels.backward, self.sizes.tasks
        spots, others = (self._where(kernel, length, names) for names in (None, tasks.names))
        if length not in self._cut:
            moves = dict(self._bundle(self.kernels.forward(output=self._made(True), taped=True), length).moves)
            given = {"x": tape.x, "dy": dy} | ({} if dx is None else {"dx": dx})
            moves |= {name: array.strides[0] for name, array in given.items()}
            self._cut[length] = Pieces(spots, others, tasks, moves, length, self.sizes.piece(length))
        return self._cut[length]

    def _drive(self, kernel: Kernel, places: Array, lengths: Array, block: int, tasks: Array | None, n: int) -> None:
        """Run a kernel on the pieces of a chunk, whose arrays are at ``places``, with the tasks of each, by n threads.

        Forward there is one piece: every thread takes a share of the batch through the whole chunk.
        """
        threads.do(
            tasks,
            n,
            run=kernel.address,
            places=np.ascontiguousarray(places),
            lengths=lengths,
            batch=self.layout.batch,
            block=block,
        )

    def _workers(self, flops: int) -> int:
        """Threads for some work: to wake another takes as long as many operations."""
        return min(self.threads, 1 + flops // WAKING)

    def _made(self, output: bool) -> bool:
        """Whether y is an array of its own: it is none where it is a state, which the tape has."""
        return output and self.output_state is None

    def _state_as_output(self, tape: ProgramTape) -> Array:
        """y, where it is a state of the tape: to be read."""
        assert self.output_state is not None
        shape = self.layout.shapes[self.cell.outputs[0]]
        y = tape.states.states[self.output_state][1:].reshape(-1, self.layout.batch, *shape)
        y.flags.writeable = False
        return y

    def _arrays(self, kernel: Kernel, length: int) -> dict[str, Array]:
        return self.workspace.carve(self.sizes.arrays(kernel, length), self.layout.dtype)

    def _constants(self, kernel: Kernel) -> dict[str, Array]:
        """The weights, in panels, and biases that a kernel takes."""
        if missing := {key: kernel.constants[name] for name, key in kernel.keys.items() if key not in self._packed}:
            fill(self._make(missing))
        table = {} if self.table is None or self.table.rows is None else {TABLE: self.table.rows}
        return table | {name: self._packed[key] for name, key in kernel.keys.items()}

    def _make(self, values: Mapping[Any, Any]) -> list[Panels]:
        """Take memory for weights, which are to be packed, and biases, by their keys."""
        matrices = {key: value for key, value in values.items() if isinstance(value, Matrix)}
        vectors = {key: value for key, value in values.items() if key not in matrices}
        self._vectors |= vectors
        self._packed |= {key: vector_of(vector, self.layout.dtype) for key, vector in vectors.items()}
        if not matrices:
            return []
        panels = Panels(list(matrices.values()), self._new, self.kernels.lanes, self.kernels.library)
        self._panels.append(panels)
        self._packed |= zip(matrices, panels.arrays, strict=True)
        return [panels]

    def _state_shapes(self, length: int) -> dict[str, Shape]:
        batch = self.layout.batch
        return {f"H{k}": (length + 1, batch, math.prod(shape)) for k, shape in enumerate(self.cell.state_shapes)}

    def _bundle(self, kernel: Kernel, length: int, *, states: bool = True) -> Bundle:
        """What a kernel puts on a tape, with the states of its steps or without."""
        key = kernel, length, states
        if key not in self._bundles:
            shapes = {name: (length, self.layout.batch, rows) for name, rows in kernel.of_kind("T").items()}
            first = self._state_shapes(length) if states else {}
            self._bundles[key] = Bundle(first | shapes, self.layout.dtype.itemsize)
        return self._bundles[key]

    def _held(self, states: list[Array]) -> States:
        return States(states, self.cell.state_shapes, batch_first=True)

    def _features(self) -> int:
        return math.prod(self.layout.shapes[self.cell.outputs[0]])

    def _empty_output(self, length: int) -> Array:
        return self._new((length, self.layout.batch, *self.layout.shapes[self.cell.outputs[0]]))

    def _new(self, shape: tuple[int, ...]) -> Array:
        return self.workspace.new(shape, self.layout.dtype)
