"""The step program of a cell for a batch and a dtype: runs chunks with preallocated arrays, no allocation in the loop."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from rnnbp.cell import Cell
from rnnbp.compiler import kernels
from rnnbp.compiler.code import Matrix, Vector
from rnnbp.compiler.compiled import Compiled, Function
from rnnbp.compiler.opaque import OpaqueRun
from rnnbp.interpreter import Accumulator
from rnnbp.layout import Layout
from rnnbp.numerics import Array, Shape
from rnnbp.rng import Context

CACHE = 2**20
"""Bytes of a block's arrays: steps are taken together as long as these stay in the processor's cache."""
CALLS: dict[str, Any] = {
    **{name: getattr(np, name) for name in ("add", "subtract", "multiply", "tanh", "matmul", "dot", "copyto")},
    **{name: getattr(kernels, name) for name in ("relu", "step", "normal", "normal_back", "softmax", "softmax_back")},
}
_compiled: WeakKeyDictionary[Cell, dict[Any, Compiled]] = WeakKeyDictionary()


def compiled(cell: Cell, x_shape: Shape, without: frozenset[str] = frozenset()) -> Compiled:
    """The cell compiled for inputs of a shape, once."""
    known = _compiled.setdefault(cell, {})
    if (x_shape, without) not in known:
        known[x_shape, without] = Compiled(cell, x_shape, without)
    return known[x_shape, without]


@dataclass(slots=True)
class States:
    """The states before and after each of a chunk's steps: arrays (L + 1, features, B), of feature shapes."""

    states: list[Array]
    shapes: tuple[Shape, ...]

    @property
    def entering(self) -> tuple[Array, ...]:
        """A copy of the state before the first step, each (B, ...)."""
        return tuple(_outside(s[0], shape) for s, shape in zip(self.states, self.shapes, strict=True))

    @property
    def leaving(self) -> tuple[Array, ...]:
        """A copy of the state after the last step, each (B, ...)."""
        return tuple(_outside(s[-1], shape) for s, shape in zip(self.states, self.shapes, strict=True))

    def arrays(self) -> list[Any]:
        """All that it holds."""
        return list(self.states)


@dataclass(slots=True)
class ProgramTape:
    """The internals of a chunk: x (L, B, ...), its states, buffers (L, rows, B) by name, and opaque layers."""

    x: Array
    states: States
    buffers: dict[str, Array]
    opaque: dict[str, OpaqueRun]

    @property
    def entering(self) -> tuple[Array, ...]:
        """A copy of the state before the first step."""
        return self.states.entering

    @property
    def leaving(self) -> tuple[Array, ...]:
        """A copy of the state after the last step."""
        return self.states.leaving

    def arrays(self) -> list[Any]:
        """All that it holds, as a nest of arrays."""
        return [self.x, self.states.states, self.buffers, [run.arrays() for run in self.opaque.values()]]


class Program:
    """Runs the cell of a Layout, chunk by chunk, as ``Interpreter`` does."""

    def __init__(self, layout: Layout, without: frozenset[str] = frozenset()) -> None:
        self.layout, self.cell = layout, layout.cell
        self.compiled = compiled(layout.cell, layout.x_shape, without)
        self._packed: dict[str, Array] = {}
        self._functions: dict[int, Any] = {}

    def advance(
        self, x: Array, state: Sequence[Array], context: Context, *, output: bool
    ) -> tuple[Array | None, tuple[Array, ...]]:
        """(y, state) after a chunk x (L, B, ...); without ``output`` y is None, and only what feeds the state runs."""
        function = self.compiled.outputs if output else self.compiled.advance
        size = self.block(len(x))
        states = self._states(size, state)
        y = self._run(function, x, states, size, context, output=output)
        return y, tuple(_outside(s[0], shape) for s, shape in zip(states, self.cell.state_shapes, strict=True))

    def keep(self, x: Array, state: Sequence[Array], context: Context, *, output: bool) -> tuple[Array | None, States]:
        """(y, states) of a chunk."""
        function = self.compiled.keep_outputs if output else self.compiled.keep
        states = self._states(len(x), state)
        y = self._run(function, x, states, self.block(len(x)), context, output=output)
        return y, States(states, self.cell.state_shapes)

    def record(self, x: Array, state: Sequence[Array], context: Context) -> tuple[Array, ProgramTape]:
        """(y, tape) of a chunk."""
        return self._taped(self.compiled.record, x, self._states(len(x), state), context)

    def rebuild(self, x: Array, states: States, context: Context) -> tuple[Array, ProgramTape]:
        """(y, tape) from the states of ``keep``: all steps of a block run at once."""
        return self._taped(self.compiled.rebuild, x, states.states, context)

    def backward(
        self, tape: ProgramTape, dy: Array | None, dstate: Sequence[Array | None], grads: Accumulator
    ) -> tuple[Array | None, tuple[Array | None, ...]]:
        """The delta recursion from the last step of a chunk to its first, then the parameter gradients."""
        back, length, batch = self.compiled.backward, len(tape.x), self.layout.batch
        function, size = back.function, self.block(len(tape.x))
        arrays = self._arrays(function, length, size) | tape.buffers | tape.opaque
        arrays |= {f"H{k}": s for k, s in enumerate(tape.states.states)} | {"x": _flat(tape.x)}
        rows = self._rows(0)
        arrays["dy"] = np.zeros((length, batch, rows), self.layout.dtype) if dy is None else _flat(dy)
        arrays |= {name: self._new((n, length, batch)) for name, n in back.gathers.rows.items()}
        for k, shape in enumerate(self.cell.state_shapes):
            given = dstate[k]
            arrays[f"C{k}"] = self._new((math.prod(shape), batch))
            np.copyto(arrays[f"C{k}"], 0 if given is None else given.reshape(batch, -1).T)
        dx = self._dx(tape.x)
        if dx is not None:
            arrays["dx"] = _flat(dx)
        self._function(function)(arrays, length, size)
        carried = tuple(_outside(arrays[f"C{k}"], shape) for k, shape in enumerate(self.cell.state_shapes))
        self._read_off(tape, arrays, grads)
        return dx, carried

    def _dx(self, x: Array) -> Array | None:
        """The array for the gradient by x, zeros where nothing reaches it; None for symbols."""
        if x.dtype.kind not in "fc":
            return None
        back = self.compiled.backward
        reached = back.dx_op is not None or back.code.outputs[0] is not None
        return np.empty(x.shape, self.layout.dtype) if reached else np.zeros(x.shape, self.layout.dtype)

    def _read_off(self, tape: ProgramTape, arrays: Mapping[str, Any], grads: Accumulator) -> None:
        """Parameter gradients of a chunk: one product per weight, over all its steps at once; and dx."""
        back, x = self.compiled.backward, self.compiled.codes.forward.inputs[0]
        flat = {name: arrays[name].reshape(n, -1) for name, n in back.gathers.rows.items()}
        for op in back.code.ops:
            if op.name == "grad_linear" and op.attr is not None:
                other = (
                    _flat(tape.x).reshape(-1, self.compiled.x.rows)
                    if op.args[1] == x
                    else flat[back.gathers.of[op.args[1]]].T
                )
                _spread(op.attr, flat[back.gathers.of[op.args[0]]] @ other, grads)
            elif op.name == "grad_bias":
                sums = []
                for v in back.gathers.lanes(op.args[0]):
                    name, row = back.gathers.places[v]
                    sums.append(flat[name][row : row + self.compiled.values.rows(v)].sum(axis=1))
                _spread_vector(op.attr, np.concatenate(sums), grads)
        if back.dx_op is not None and "dx" in arrays:
            turned = flat[back.gathers.of[back.dx_op.args[0]]].T
            dx = arrays["dx"]
            np.matmul(turned, self._constant(back.dx_weights), out=dx.reshape(-1, dx.shape[-1]))
        for run in tape.opaque.values():
            run.finish(len(tape.x), grads)

    def _taped(self, function: Function, x: Array, states: list[Array], context: Context) -> tuple[Array, ProgramTape]:
        buffers = {name: self._new((len(x), rows, self.layout.batch)) for name, rows in function.tape.items()}
        opaque = self._opaque(function, context)
        tape = ProgramTape(x, States(states, self.cell.state_shapes), buffers, opaque)
        y = self._run(function, x, states, self.block(len(x)), context, output=True, tape=tape)
        assert y is not None
        return y, tape

    def _run(
        self,
        function: Function,
        x: Array,
        states: list[Array],
        size: int,
        context: Context,
        *,
        output: bool,
        tape: ProgramTape | None = None,
    ) -> Array | None:
        arrays = self._arrays(function, len(x), size) | {"x": _flat(x)}
        arrays |= {f"H{k}": s for k, s in enumerate(states)}
        opaque = self._opaque(function, context) if tape is None else tape.opaque
        for run in opaque.values():
            run.keeps = tape is not None
        arrays |= opaque | ({} if tape is None else tape.buffers)
        y = None
        if output:
            y = np.empty((len(x), self.layout.batch, *self.layout.shapes[self.cell.outputs[0]]), self.layout.dtype)
            arrays["y"] = _flat(y)
        self._function(function)(arrays, len(x), size)
        return y

    def _opaque(self, function: Function, context: Context) -> dict[str, OpaqueRun]:
        return {f"q{op.attr.node.number}": OpaqueRun(op.attr, context, self.layout.dtype) for op in function.opaque}

    def _function(self, function: Function) -> Any:
        """The function itself, made from its source once."""
        if id(function) not in self._functions:
            scope = dict(CALLS)
            exec(function.compiled, scope)
            self._functions[id(function)] = scope["run"]
        return self._functions[id(function)]

    def _arrays(self, function: Function, length: int, size: int) -> dict[str, Any]:
        """The arrays of a function that do not outlast it, and its constants."""
        batch = self.layout.batch
        found: dict[str, Any] = {name: self._new((size, rows, batch)) for name, rows in function.block.items()}
        found |= {name: self._new((rows, batch)) for name, rows in function.step.items()}
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
            rows = [lane.owner[lane.key][lane.start : lane.stop] * dtype.type(lane.factor) for lane in value.lanes]
            whole = np.concatenate(rows)
            return np.ascontiguousarray(whole.T) if value.turned else whole
        if isinstance(value, Vector):
            found, at = np.zeros(value.count, dtype), 0
            for n, parts in value.lanes:
                for part in parts:
                    found[at : at + n] += part.owner[part.key][part.start : part.stop] * dtype.type(part.factor)
                at += n
            return np.repeat(found[:, None], self.layout.batch, axis=1)
        return np.array(value, dtype)

    def block(self, length: int) -> int:
        """Steps in a block of a chunk of so many steps."""
        rows = max(sum(f.block.values()) for f in (self.compiled.record, self.compiled.backward.function))
        return max(1, min(length, CACHE // max(1, rows * self.layout.batch * self.layout.dtype.itemsize)))

    def _states(self, length: int, state: Sequence[Array]) -> list[Array]:
        """Arrays for the states of so many steps, the first of them given."""
        found = []
        for given, shape in zip(state, self.cell.state_shapes, strict=True):
            array = self._new((length + 1, math.prod(shape), self.layout.batch))
            np.copyto(array[0], given.reshape(self.layout.batch, -1).T)
            found.append(array)
        return found

    def _rows(self, k: int) -> int:
        return math.prod(self.layout.shapes[self.cell.outputs[k]])

    def _new(self, shape: tuple[int, ...]) -> Array:
        return np.empty(shape, self.layout.dtype)


def _flat(x: Array) -> Array:
    """(L, B, ...) with its features as one axis."""
    return x.reshape(*x.shape[:2], -1)


def _outside(state: Array, shape: Shape) -> Array:
    """A copy of (features, B) as (B, ...)."""
    return np.array(state.T, order="C").reshape(-1, *shape)


def _spread(matrix: Matrix, product: Array, grads: Accumulator) -> None:
    """Add the gradients of stacked weights to those of the parameters."""
    at = 0
    for lane in matrix.lanes:
        grads.at(lane.owner, lane.key)[lane.start : lane.stop] += product[at : at + lane.count]
        at += lane.count


def _spread_vector(vector: Vector, sums: Array, grads: Accumulator) -> None:
    at = 0
    for n, parts in vector.lanes:
        for part in parts:
            grads.at(part.owner, part.key)[part.start : part.stop] += sums[at : at + n]
        at += n
