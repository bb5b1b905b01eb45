"""The step program of a cell for a batch and a dtype: runs chunks with preallocated arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, final

import numpy as np

from rnnbp.compiler.lowering import tied
from rnnbp.compiler.step import step_code
from rnnbp.compiler.weights import Matrix, Vector, identity_of
from rnnbp.graph.cell import Cell
from rnnbp.graph.layout import Layout
from rnnbp.numerics import Array, Shape, flush
from rnnbp.rng import Context
from rnnbp.runners.base import Accumulator, Runner, Tape, ThinTape
from rnnbp.runners.constants import Constant
from rnnbp.runners.numpy.emit import opaque_name
from rnnbp.runners.numpy.functions import Function, Functions
from rnnbp.runners.numpy.opaque import OpaqueRun
from rnnbp.runners.numpy.operations import CALLS, exp
from rnnbp.runners.numpy.sizes import ProgramSizes
from rnnbp.runners.numpy.tape import ProgramTape, States, batch_first
from rnnbp.runners.weights import spread, spread_vector, vector_of, weights_of
from rnnbp.runners.workspace import Workspace
from rnnbp.support.memo import Recent
from rnnbp.support.prepared import Remembered

_known = Remembered[Cell, Recent[object, Functions]](lambda cell: Recent(16))


def functions(cell: Cell, x_shape: Shape, without: frozenset[str] = frozenset()) -> Functions:
    """The functions of a cell for inputs of a shape, compiled once."""
    key = x_shape, without, tied(cell)
    return _known.of(cell).get(key, lambda: Functions(step_code(cell, x_shape, without)))


def sizes_of(layout: Layout, without: frozenset[str] = frozenset()) -> ProgramSizes:
    """What the program of a cell holds and needs."""
    return ProgramSizes(layout, functions(layout.cell, layout.x_shape, without))


Run: TypeAlias = Callable[[dict[str, Any], int, int], None]
"""A function over a chunk: its arrays and layers by name, steps, steps of a block."""


@final
class Program(Runner):
    """Runs the cell of a Layout, chunk by chunk, as ``Interpreter`` does."""

    def __init__(
        self,
        layout: Layout,
        workspace: Workspace | None = None,
        without: frozenset[str] = frozenset(),
    ) -> None:
        self.layout, self.cell = layout, layout.cell
        self.workspace = Workspace() if workspace is None else workspace
        self.sizes = sizes_of(layout, without)
        self.functions, self.remakes_output = self.sizes.functions, self.sizes.remakes_output
        self._packed: dict[object, Array] = {}
        self._runs: dict[int, Run] = {}

    def prepare(self, length: int) -> None:
        """Take all the memory that chunks of this many steps need for a whole run, and pack the
        weights as they are.
        """
        self.workspace.reserve(self.sizes.workspace_bytes(length))
        self._packed.clear()
        for value in self.sizes.constants.values():
            self._constant(value)

    def renew(self) -> None:
        """Pack the weights anew when they are used."""
        self._packed.clear()

    def advance(
        self, x: Array, state: Sequence[Array], context: Context, *, output: bool
    ) -> tuple[Array | None, tuple[Array, ...]]:
        """(y, state) after a chunk x (L, B, ...); without ``output`` y is None, and only what feeds
        the state runs.
        """
        function = self.functions.outputs if output else self.functions.advance
        arrays = self._arrays(function, len(x))
        states = self._enter([arrays[f"H{k}"] for k in range(len(state))], state)
        y = self._run(function, arrays, x, context, output=output)
        return y, tuple(
            [
                batch_first(s[0], shape)
                for s, shape in zip(states, self.cell.state_shapes, strict=True)
            ]
        )

    def keep(
        self, x: Array, state: Sequence[Array], context: Context, *, output: bool
    ) -> tuple[Array | None, States]:
        """(y, states) of a chunk."""
        function = self.functions.keep_outputs if output else self.functions.keep
        states = self._states(len(x), state)
        arrays = self._arrays(function, len(x)) | {f"H{k}": s for k, s in enumerate(states)}
        y = self._run(function, arrays, x, context, output=output)
        return y, States(states, self.cell.state_shapes)

    def record(
        self, x: Array, state: Sequence[Array], context: Context, *, output: bool = True
    ) -> tuple[Array | None, ProgramTape]:
        """(y, tape) of a chunk; without ``output`` y is None."""
        function = self.functions.record if output else self.functions.record_tape
        return self._taped(function, x, self._states(len(x), state), context, output=output)

    def rebuild(
        self, x: Array, known: ThinTape, context: Context, *, output: bool = True
    ) -> tuple[Array | None, ProgramTape]:
        """(y, tape) from the states of ``keep``: all steps of a block run at once."""
        assert isinstance(known, States)
        function = self.functions.rebuild if output else self.functions.rebuild_tape
        return self._taped(function, x, known.states, context, output=output)

    def output(self, tape: Tape) -> Array:
        """y, where it is a state of the tape."""
        output_state = self.functions.step.forward.output_state
        assert isinstance(tape, ProgramTape)
        assert output_state is not None
        states = tape.states.states[output_state]
        y = self._empty_output(len(tape.x))
        np.copyto(_flat(y), states[1:].transpose(0, 2, 1))
        return y

    def _empty_output(self, length: int) -> Array:
        return self._new((length, self.layout.batch, *self.layout.shapes[self.cell.outputs[0]]))

    def backward(
        self,
        tape: Tape,
        dy: Array | None,
        dstate: Sequence[Array | None],
        grads: Accumulator,
        into: Array | None = None,
    ) -> tuple[Array | None, tuple[Array | None, ...]]:
        """The delta recursion from the last step of a chunk to its first, then the parameter
        gradients.
        """
        assert isinstance(tape, ProgramTape)
        length, batch = len(tape.x), self.layout.batch
        arrays = self._arrays(self.functions.backward, length) | tape.opaque
        zeros = (
            np.zeros((length, batch, self._rows(0)), self.layout.dtype) if dy is None else _flat(dy)
        )
        for k, given in enumerate(dstate):
            np.copyto(arrays[f"C{k}"], 0 if given is None else given.reshape(batch, -1).T)
        dx, piece = self._dx(tape.x, into), self.sizes.piece(length)
        for start in reversed(range(0, length, piece)):
            span = slice(start, min(start + piece, length))
            present = {"x": _flat(tape.x)[span], "dy": zeros[span]} | (
                {} if dx is None else {"dx": _flat(dx)[span]}
            )
            present |= {name: buffer[span] for name, buffer in tape.buffers.items()}
            present |= {
                f"H{k}": s[span.start : span.stop + 1] for k, s in enumerate(tape.states.states)
            }
            self._piece(arrays | present, grads)
        for k in range(len(dstate)):
            flush(
                arrays[f"C{k}"]
            )  # kernels do so at every step; deltas would decay to these numbers and stay there
        carried = tuple(
            [batch_first(arrays[f"C{k}"], shape) for k, shape in enumerate(self.cell.state_shapes)]
        )
        for run in tape.opaque.values():
            run.finish(length, grads)
        return dx, carried

    def _piece(self, arrays: dict[str, Any], grads: Accumulator) -> None:
        """The delta recursion over some steps, and what is read off their deltas."""
        length, batch = len(arrays["x"]), self.layout.batch
        flat = {name: arrays[name][:, : length * batch] for name in self.functions.gathers.rows}
        arrays |= {name: array.reshape(-1, length, batch) for name, array in flat.items()}
        self._function(self.functions.backward)(arrays, length, self.sizes.block(length))
        self._read_off(arrays["x"], flat, arrays.get("dx"), grads)

    def _dx(self, x: Array, into: Array | None) -> Array | None:
        """The array for the gradient by x, zeros where nothing reaches it; None for symbols."""
        if x.dtype.kind not in "fc":
            return None
        back = self.functions.step.backward
        dx = self._new(x.shape) if into is None else into
        if back.dx_from is None and back.code.outputs[0] is None:
            dx[...] = 0
        return dx

    def _read_off(
        self, given: Array, flat: Mapping[str, Array], dx: Array | None, grads: Accumulator
    ) -> None:
        """Parameter gradients of some steps: one product per weight for all of them; and dx."""
        step, gathers = self.functions.step, self.functions.gathers
        back, (x, *_) = step.backward, step.forward.code.inputs
        for op in back.code.ops:
            if op.name == "grad_linear" and op.attr is not None:
                rows = step.forward.x.rows
                other = (
                    given.reshape(-1, rows) if op.args[1] == x else flat[gathers.of[op.args[1]]].T
                )
                spread(op.matrix, flat[gathers.of[op.args[0]]] @ other, grads)
            elif op.name == "grad_bias":
                sums = []
                for v in gathers.lanes(op.args[0]):
                    name, row = gathers.places[v]
                    sums.append(flat[name][row : row + step.values.rows(v)].sum(axis=1))
                spread_vector(op.vector, np.concatenate(sums), grads)
        if back.dx_from is not None and back.dx_weights is not None and dx is not None:
            turned = flat[gathers.of[back.dx_from]].T
            np.matmul(turned, self._constant(back.dx_weights), out=dx.reshape(len(turned), -1))

    def _taped(
        self, function: Function, x: Array, states: list[Array], context: Context, *, output: bool
    ) -> tuple[Array | None, ProgramTape]:
        buffers = {
            name: self._new((len(x), rows, self.layout.batch))
            for name, rows in function.tape.items()
        }
        opaque = self._opaque(function, context)
        tape = ProgramTape(x, States(states, self.cell.state_shapes), buffers, opaque)
        arrays = self._arrays(function, len(x)) | {f"H{k}": s for k, s in enumerate(states)}
        return self._run(function, arrays, x, context, output=output, tape=tape), tape

    def _run(
        self,
        function: Function,
        arrays: dict[str, Any],
        x: Array,
        context: Context,
        *,
        output: bool,
        tape: ProgramTape | None = None,
    ) -> Array | None:
        arrays["x"] = _flat(x)
        opaque = self._opaque(function, context) if tape is None else tape.opaque
        for run in opaque.values():
            run.keeps = tape is not None and run.node.number in self.sizes.read
        arrays |= opaque | ({} if tape is None else tape.buffers)
        y = None
        if output:
            y = self._empty_output(len(x))
            arrays["y"] = _flat(y)
        self._function(function)(arrays, len(x), self.sizes.block(len(x)))
        return y

    def _opaque(self, function: Function, context: Context) -> dict[str, OpaqueRun]:
        return {
            opaque_name(op): OpaqueRun(op.opaque, context, self.layout.dtype)
            for op in function.opaque
        }

    def _function(self, function: Function) -> Run:
        """The function itself, made from its source once."""
        if id(function) not in self._runs:
            scope: dict[str, Any] = dict(CALLS)  # any: what exec puts into it has no type
            if self.layout.dtype.kind == "c":
                scope["exp"] = exp
            exec(function.compiled, scope)
            self._runs[id(function)] = scope.pop(
                "run"
            )  # a function within its own globals is a cycle
        return self._runs[id(function)]

    def _arrays(self, function: Function, length: int) -> dict[str, Any]:
        """The arrays of a function that do not outlast it, and its constants."""
        found: dict[str, Any] = self.workspace.carve(
            self.sizes.shapes(function, length), self.layout.dtype
        )
        return found | {name: self._constant(value) for name, value in function.constants.items()}

    def _constant(self, value: Constant) -> Array:
        """A weight packed, a bias for the whole batch, or a number, made once."""
        key = identity_of(value)
        if key not in self._packed:
            self._packed[key] = self._pack(value)
        return self._packed[key]

    def _pack(self, value: Constant) -> Array:
        dtype = self.layout.dtype
        if isinstance(value, Matrix):
            return weights_of(value, dtype)
        if isinstance(value, Vector):
            return np.repeat(vector_of(value, dtype)[:, None], self.layout.batch, axis=1)
        return np.array(value, dtype)

    def _states(self, length: int, state: Sequence[Array]) -> list[Array]:
        """Arrays for the states of this many steps, the first of them given."""
        shapes = self.cell.state_shapes
        return self._enter(
            [self._new((length + 1, math.prod(s), self.layout.batch)) for s in shapes], state
        )

    def _enter(self, states: list[Array], given: Sequence[Array]) -> list[Array]:
        """Put a state before the first step."""
        for array, state in zip(states, given, strict=True):
            np.copyto(array[0], state.reshape(self.layout.batch, -1).T)
        return states

    def _rows(self, k: int) -> int:
        return math.prod(self.layout.shapes[self.cell.outputs[k]])

    def _new(self, shape: tuple[int, ...]) -> Array:
        return self.workspace.new(shape, self.layout.dtype)


def _flat(x: Array) -> Array:
    """(L, B, ...) with its features as one axis."""
    return x.reshape(*x.shape[:2], -1)
