"""The step program of a cell for a batch and a dtype: runs chunks with preallocated arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import TypeAlias, final

import numpy as np

from rnnbp.compiler.leaves import key_of
from rnnbp.compiler.storage import input_name
from rnnbp.graph.layout import Layout
from rnnbp.numerics import Array, flush
from rnnbp.rng import Context
from rnnbp.runners.base import Runner
from rnnbp.runners.numpy.buffers import Buffers
from rnnbp.runners.numpy.emit import opaque_name
from rnnbp.runners.numpy.function import Function
from rnnbp.runners.numpy.gradients import read_off
from rnnbp.runners.numpy.inputs import Inputs
from rnnbp.runners.numpy.opaque import OpaqueRun
from rnnbp.runners.numpy.operations import CALLS, exp
from rnnbp.runners.numpy.row_buffers import RowBuffers
from rnnbp.runners.numpy.sizes import sizes_of
from rnnbp.runners.numpy.tape import ProgramTape, States, batch_first
from rnnbp.runners.sums import Accumulator
from rnnbp.runners.tapes import Tape, ThinTape
from rnnbp.runners.workspace import Workspace

STEPS = 3
"""Axes of an array of all steps: (steps, batch, features)."""
Run: TypeAlias = Callable[[Mapping[str, object], int, int], None]
"""A function over a chunk: its arrays and layers by name, steps, steps of a block."""


@final
class Program(Runner):
    """Runs the cell of a Layout, chunk by chunk, as ``Interpreter`` does."""

    def __init__(
        self,
        layout: Layout,
        workspace: Workspace | None = None,
        without: frozenset[str] = frozenset(),
        *,
        whole: Program | None = None,
    ) -> None:
        self.layout, self.cell = layout, layout.cell
        self._runs: dict[int, Run] = {} if whole is None else whole._runs
        if whole is None:
            self.sizes = sizes_of(layout, without)
            self.buffers = Buffers(self.sizes, workspace or Workspace())
        else:
            self.sizes = whole.sizes.of_rows(layout.batch)
            self.buffers = RowBuffers(self.sizes, whole.buffers)
        self.functions, self.remakes_output = self.sizes.functions, self.sizes.remakes_output
        self.inputs = Inputs(self.cell, self.functions.step, self.buffers)

    def fewer(self, rows: int) -> Program:
        return Program(self.layout.of_rows(rows), whole=self)

    def take(self, leaves: Mapping[int, Array]) -> None:
        self.buffers.leaves.clear()
        self.buffers.leaves.update({key_of(k): value for k, value in leaves.items()})

    def prepare(self, length: int) -> None:
        self.buffers.prepare(length)

    def renew(self) -> None:
        self.buffers.renew()

    def advance(
        self, xs: Sequence[Array], state: Sequence[Array], context: Context, *, output: bool
    ) -> tuple[Array | None, tuple[Array, ...]]:
        function = self.functions.outputs if output else self.functions.advance
        arrays = self.buffers.arrays(function, len(xs[self.layout.lead]))
        states = self.buffers.enter([arrays[f"H{k}"] for k in range(len(state))], state)
        y = self._run(function, arrays, xs, context, output=output)
        return y, tuple(
            [
                batch_first(s[0], shape)
                for s, shape in zip(states, self.cell.state_shapes, strict=True)
            ]
        )

    def keep(
        self, xs: Sequence[Array], state: Sequence[Array], context: Context, *, output: bool
    ) -> tuple[Array | None, States]:
        function = self.functions.keep_outputs if output else self.functions.keep
        length = len(xs[self.layout.lead])
        states = self.buffers.states(length, state)
        arrays = self.buffers.arrays(function, length)
        arrays |= {f"H{k}": s for k, s in enumerate(states)}
        y = self._run(function, arrays, xs, context, output=output)
        return y, States(states, self.cell.state_shapes)

    def record(
        self, xs: Sequence[Array], state: Sequence[Array], context: Context, *, output: bool = True
    ) -> tuple[Array | None, ProgramTape]:
        function = self.functions.record if output else self.functions.record_tape
        states = self.buffers.states(len(xs[self.layout.lead]), state)
        return self._taped(function, xs, states, context, output=output)

    def rebuild(
        self, xs: Sequence[Array], known: ThinTape, context: Context, *, output: bool = True
    ) -> tuple[Array | None, ProgramTape]:
        """(y, tape) from the states of ``keep``: all steps of a block run at once."""
        assert isinstance(known, States)
        function = self.functions.rebuild if output else self.functions.rebuild_tape
        return self._taped(function, xs, known.states, context, output=output)

    def output(self, tape: Tape) -> Array:
        """y, where it is a state of the tape."""
        output_state = self.functions.step.forward.output_state
        assert isinstance(tape, ProgramTape)
        assert output_state is not None
        states = tape.states.states[output_state]
        y = self.buffers.output(tape.length)
        np.copyto(_flat(y), states[1:].transpose(0, 2, 1))
        return y

    def backward(
        self,
        tape: Tape,
        dy: Array | None,
        dstate: Sequence[Array | None],
        grads: Accumulator,
        into: Sequence[Array | None] = (),
    ) -> tuple[tuple[Array | None, ...], tuple[Array | None, ...]]:
        """The delta recursion of a chunk, from its last step to its first, then the gradients."""
        assert isinstance(tape, ProgramTape)
        length, batch, shapes = tape.length, self.layout.batch, self.cell.state_shapes
        arrays = self.buffers.arrays(self.functions.backward, length)
        if drawn := self.functions.backward.drawn:
            self.sizes.draws.fill(drawn, arrays, tape.context, length)
        given = (
            np.zeros((length, batch, self._y_rows), self.layout.dtype) if dy is None else _flat(dy)
        )
        for k, delta in enumerate(dstate):
            np.copyto(arrays[f"C{k}"], 0 if delta is None else delta.reshape(batch, -1).T)
        dxs = self.inputs.deltas(tape.xs, into)
        totals = self.inputs.totals(arrays, dxs)
        self._pieces(tape, arrays, given, dxs, grads)
        for dx, total in totals:
            np.copyto(dx, total.T.reshape(dx.shape))
        for k in range(len(dstate)):
            # Kernels do so at every step; deltas would decay to these numbers and stay there.
            flush(arrays[f"C{k}"])
        carried = tuple([batch_first(arrays[f"C{k}"], shape) for k, shape in enumerate(shapes)])
        for run in tape.opaque.values():
            run.finish(length, grads)
        return dxs, carried

    def _pieces(
        self,
        tape: ProgramTape,
        arrays: dict[str, Array],
        dy: Array,
        dxs: Sequence[Array | None],
        grads: Accumulator,
    ) -> None:
        """The delta recursion over a chunk in pieces, and what is read off the deltas of each."""
        whole, batch, piece = tape.length, self.layout.batch, self.sizes.piece(tape.length)
        run, states = self._function(self.functions.backward), tape.states.states
        gathered, of = self.functions.gathers.rows, self.functions.gathers.of
        products = self.functions.step.backward.dx_products
        outer = {"dy": dy, **self.inputs.series(tape.xs), **self.inputs.series(dxs, "d")}
        outer |= tape.buffers
        if self.functions.backward.drawn:
            outer |= self._drawn_by_step(arrays)
        given: dict[str, object] = {**arrays, **tape.opaque, **self.inputs.static(tape.xs)}
        for start in reversed(range(0, whole, piece)):
            length = min(piece, whole - start)
            end = start + length
            here = {name: array[start:end] for name, array in outer.items()}
            flat = {name: arrays[name][:, : length * batch] for name in gathered}
            given |= here
            given |= {f"H{k}": s[start : end + 1] for k, s in enumerate(states)}
            given |= {name: array.reshape(-1, length, batch) for name, array in flat.items()}
            run(given, length, self.sizes.block(length))
            read_off(self.functions, here, flat, grads)
            for k, (weights, taken) in products.items():
                turned, out = flat[of[taken]].T, here[f"d{input_name(k)}"]
                np.matmul(turned, self.buffers.constant(weights), out=out.reshape(len(turned), -1))

    def _drawn_by_step(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """The random numbers of a backward that differ from step to step."""
        drawn = {name: arrays[name] for name in self.functions.backward.drawn}
        return {name: array for name, array in drawn.items() if array.ndim == STEPS}

    def _taped(
        self,
        function: Function,
        xs: Sequence[Array],
        states: list[Array],
        context: Context,
        *,
        output: bool,
    ) -> tuple[Array | None, ProgramTape]:
        length = len(states[0]) - 1
        buffers = {
            name: self.buffers.new((length, rows, self.layout.batch))
            for name, rows in function.tape.items()
        }
        opaque = self._opaque(function, context, taped=True)
        tape = ProgramTape(
            context, tuple(xs), States(states, self.cell.state_shapes), buffers, opaque
        )
        arrays = self.buffers.arrays(function, length)
        arrays |= {f"H{k}": s for k, s in enumerate(states)}
        return self._run(function, arrays, xs, context, output=output, tape=tape), tape

    def _run(
        self,
        function: Function,
        arrays: dict[str, Array],
        xs: Sequence[Array],
        context: Context,
        *,
        output: bool,
        tape: ProgramTape | None = None,
    ) -> Array | None:
        length = len(xs[self.layout.lead])
        arrays |= self.inputs.series(xs)
        arrays |= self.inputs.static(xs)
        if function.drawn:
            self.sizes.draws.fill(function.drawn, arrays, context, length)
        opaque = self._opaque(function, context, taped=False) if tape is None else tape.opaque
        arrays |= {} if tape is None else tape.buffers
        y = None
        if output:
            y = self.buffers.output(length)
            arrays["y"] = _flat(y)
        given: Mapping[str, object] = {**arrays, **opaque} if opaque else arrays
        self._function(function)(given, length, self.sizes.block(length))
        return y

    def _opaque(self, function: Function, context: Context, *, taped: bool) -> dict[str, OpaqueRun]:
        """The layers that run by their own methods; only what backward reads is kept."""
        read, dtype = self.sizes.read if taped else frozenset(), self.layout.dtype
        return {
            opaque_name(op): OpaqueRun(
                op.opaque, context, dtype, keeps=op.opaque.node.number in read
            )
            for op in function.opaque
        }

    def _function(self, function: Function) -> Run:
        """The function itself, made from its source once."""
        if id(function) not in self._runs:
            # Only what it calls: a dict of all calls would be two kilobytes for each function.
            scope: dict[str, object] = {name: CALLS[name] for name in function.calls}
            if self.layout.dtype.kind == "c":
                scope["exp"] = exp
            exec(function.compiled, scope)
            # Taken out of its own globals, with which it would be a cycle.
            run = scope.pop("run")
            assert isinstance(run, FunctionType)
            self._runs[id(function)] = run
        return self._runs[id(function)]

    @property
    def _y_rows(self) -> int:
        return math.prod(self.layout.shapes[self.cell.outputs[0]])


def _flat(x: Array) -> Array:
    """(L, B, ...) with its features as one axis."""
    return x.reshape(*x.shape[:2], -1)
