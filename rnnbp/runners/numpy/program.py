"""The step program of a cell for a batch and a dtype: runs chunks with preallocated arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np

from rnnbp.compiler.backward import Backward
from rnnbp.compiler.code import Matrix, Vector
from rnnbp.compiler.compiled import Compiled
from rnnbp.compiler.lowering import tied
from rnnbp.graph.cell import Cell
from rnnbp.graph.layout import Layout
from rnnbp.numerics import Array, Shape, flush
from rnnbp.rng import Context
from rnnbp.runners.base import Accumulator, Runner, Tape, ThinTape
from rnnbp.runners.numpy import operations
from rnnbp.runners.numpy.function import Function
from rnnbp.runners.numpy.opaque import OpaqueRun
from rnnbp.runners.numpy.sizes import ProgramSizes
from rnnbp.runners.numpy.tape import ProgramTape, States, batch_first
from rnnbp.runners.weights import spread, spread_vector, vector_of, weights_of
from rnnbp.runners.workspace import Workspace
from rnnbp.support.memo import Recent
from rnnbp.support.prepared import Remembered

CALLS: dict[str, Any] = {
    **{
        name: getattr(np, name)
        for name in ("add", "subtract", "multiply", "divide", "exp", "tanh", "matmul", "dot", "copyto")
    },
    **{
        name: getattr(operations, name) for name in ("relu", "step", "normal", "normal_back", "softmax", "softmax_back")
    },
}
_compiled = Remembered[Cell, Recent[Any, Backward]](lambda cell: Recent(16))


def compiled(cell: Cell, x_shape: Shape, without: frozenset[str] = frozenset()) -> Backward:
    """The cell compiled for inputs of a shape, once."""
    key = x_shape, without, tied(cell)
    return _compiled.of(cell).get(key, lambda: Backward(Compiled(cell, x_shape, without)))


def sizes_of(layout: Layout, without: frozenset[str] = frozenset()) -> ProgramSizes:
    """What the program of a cell holds and needs."""
    return ProgramSizes(layout, compiled(layout.cell, layout.x_shape, without))


@final
class Program(Runner):
    """Runs the cell of a Layout, chunk by chunk, as ``Interpreter`` does."""

    def __init__(
        self, layout: Layout, workspace: Workspace | None = None, without: frozenset[str] = frozenset()
    ) -> None:
        self.layout, self.cell = layout, layout.cell
        self.workspace = Workspace() if workspace is None else workspace
        self.sizes = sizes_of(layout, without)
        self.compiled, self.remakes_output = self.sizes.compiled, self.sizes.remakes_output
        self._packed: dict[str, Array] = {}
        self._functions: dict[int, Any] = {}

    def prepare(self, length: int) -> None:
        """Take all the memory that chunks of so many steps need for a whole run, and pack the weights as they are."""
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
        """(y, state) after a chunk x (L, B, ...); without ``output`` y is None, and only what feeds the state runs."""
        function = self.compiled.outputs if output else self.compiled.advance
        arrays = self._arrays(function, len(x))
        states = self._enter([arrays[f"H{k}"] for k in range(len(state))], state)
        y = self._run(function, arrays, x, context, output=output)
        return y, tuple([batch_first(s[0], shape) for s, shape in zip(states, self.cell.state_shapes, strict=True)])

    def keep(self, x: Array, state: Sequence[Array], context: Context, *, output: bool) -> tuple[Array | None, States]:
        """(y, states) of a chunk."""
        function = self.compiled.keep_outputs if output else self.compiled.keep
        states = self._states(len(x), state)
        arrays = self._arrays(function, len(x)) | {f"H{k}": s for k, s in enumerate(states)}
        y = self._run(function, arrays, x, context, output=output)
        return y, States(states, self.cell.state_shapes)

    def record(
        self, x: Array, state: Sequence[Array], context: Context, *, output: bool = True
    ) -> tuple[Array | None, ProgramTape]:
        """(y, tape) of a chunk; without ``output`` y is None."""
        function = self.compiled.record if output else self.compiled.record_tape
        return self._taped(function, x, self._states(len(x), state), context, output=output)

    def rebuild(
        self, x: Array, known: ThinTape, context: Context, *, output: bool = True
    ) -> tuple[Array | None, ProgramTape]:
        """(y, tape) from the states of ``keep``: all steps of a block run at once."""
        assert isinstance(known, States)
        function = self.compiled.rebuild if output else self.compiled.rebuild_tape
        return self._taped(function, x, known.states, context, output=output)

    def output(self, tape: Tape) -> Array:
        """y, where it is a state of the tape."""
        assert isinstance(tape, ProgramTape)
        assert self.compiled.output_state is not None
        states = tape.states.states[self.compiled.output_state]
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
        """The delta recursion from the last step of a chunk to its first, then the parameter gradients."""
        assert isinstance(tape, ProgramTape)
        length, batch = len(tape.x), self.layout.batch
        arrays = self._arrays(self.sizes.back.function, length) | tape.opaque
        zeros = np.zeros((length, batch, self._rows(0)), self.layout.dtype) if dy is None else _flat(dy)
        for k, given in enumerate(dstate):
            np.copyto(arrays[f"C{k}"], 0 if given is None else given.reshape(batch, -1).T)
        dx, piece = self._dx(tape.x, into), self.sizes.piece(length)
        for start in reversed(range(0, length, piece)):
            span = slice(start, min(start + piece, length))
            present = {"x": _flat(tape.x)[span], "dy": zeros[span]} | ({} if dx is None else {"dx": _flat(dx)[span]})
            present |= {name: buffer[span] for name, buffer in tape.buffers.items()}
            present |= {f"H{k}": s[span.start : span.stop + 1] for k, s in enumerate(tape.states.states)}
            self._piece(arrays | present, grads)
        for k in range(len(dstate)):
            flush(arrays[f"C{k}"])  # kernels do so at every step; deltas would decay to these numbers and stay there
        carried = tuple([batch_first(arrays[f"C{k}"], shape) for k, shape in enumerate(self.cell.state_shapes)])
        for run in tape.opaque.values():
            run.finish(length, grads)
        return dx, carried

    def _piece(self, arrays: dict[str, Any], grads: Accumulator) -> None:
        """The delta recursion over some steps, and what is read off their deltas."""
        back, length, batch = self.sizes.back, len(arrays["x"]), self.layout.batch
        flat = {name: arrays[name][:, : length * batch] for name in back.gathers.rows}
        arrays |= {name: array.reshape(-1, length, batch) for name, array in flat.items()}
        self._function(back.function)(arrays, length, self.sizes.block(length))
        self._read_off(arrays["x"], flat, arrays.get("dx"), grads)

    def _dx(self, x: Array, into: Array | None) -> Array | None:
        """The array for the gradient by x, zeros where nothing reaches it; None for symbols."""
        if x.dtype.kind not in "fc":
            return None
        back = self.sizes.back
        dx = self._new(x.shape) if into is None else into
        if back.dx_from is None and back.code.outputs[0] is None:
            dx[...] = 0
        return dx

    def _read_off(self, given: Array, flat: Mapping[str, Array], dx: Array | None, grads: Accumulator) -> None:
        """Parameter gradients of some steps: one product per weight for all of them; and dx."""
        back, x = self.sizes.back, self.compiled.codes.forward.inputs[0]
        for op in back.code.ops:
            if op.name == "grad_linear" and op.attr is not None:
                other = (
                    given.reshape(-1, self.compiled.x.rows) if op.args[1] == x else flat[back.gathers.of[op.args[1]]].T
                )
                spread(op.attr, flat[back.gathers.of[op.args[0]]] @ other, grads)
            elif op.name == "grad_bias":
                sums = []
                for v in back.gathers.lanes(op.args[0]):
                    name, row = back.gathers.places[v]
                    sums.append(flat[name][row : row + self.compiled.values.rows(v)].sum(axis=1))
                spread_vector(op.attr, np.concatenate(sums), grads)
        if back.dx_from is not None and dx is not None:
            turned = flat[back.gathers.of[back.dx_from]].T
            np.matmul(turned, self._constant(back.dx_weights), out=dx.reshape(len(turned), -1))

    def _taped(
        self, function: Function, x: Array, states: list[Array], context: Context, *, output: bool
    ) -> tuple[Array | None, ProgramTape]:
        buffers = {name: self._new((len(x), rows, self.layout.batch)) for name, rows in function.tape.items()}
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
        return {f"q{op.attr.node.number}": OpaqueRun(op.attr, context, self.layout.dtype) for op in function.opaque}

    def _function(self, function: Function) -> Any:
        """The function itself, made from its source once."""
        if id(function) not in self._functions:
            scope = dict(CALLS)
            if self.layout.dtype.kind == "c":
                scope["exp"] = operations.exp
            exec(function.compiled, scope)
            self._functions[id(function)] = scope.pop("run")  # a function within its own globals is a cycle
        return self._functions[id(function)]

    def _arrays(self, function: Function, length: int) -> dict[str, Any]:
        """The arrays of a function that do not outlast it, and its constants."""
        found: dict[str, Any] = self.workspace.carve(self.sizes.shapes(function, length), self.layout.dtype)
        return found | {name: self._constant(value) for name, value in function.constants.items()}

    def _constant(self, value: Any) -> Any:
        """A weight packed, a bias for the whole batch, or a number, made once."""
        key = getattr(value, "identity", value)
        if key not in self._packed:
            self._packed[key] = self._pack(value)
        return self._packed[key]

    def _pack(self, value: Any) -> Array:
        dtype = self.layout.dtype
        if isinstance(value, Matrix):
            return weights_of(value, dtype)
        if isinstance(value, Vector):
            return np.repeat(vector_of(value, dtype)[:, None], self.layout.batch, axis=1)
        return np.array(value, dtype)

    def _states(self, length: int, state: Sequence[Array]) -> list[Array]:
        """Arrays for the states of so many steps, the first of them given."""
        shapes = self.cell.state_shapes
        return self._enter([self._new((length + 1, math.prod(s), self.layout.batch)) for s in shapes], state)

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
