"""The kernels of a cell for a batch: runs chunks batch first, by threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import final

import numpy as np

from rnnbp.compiler.leaves import key_of
from rnnbp.machine.team import threads
from rnnbp.numerics import Array, Shape, address, fix_sizes
from rnnbp.rng import Context
from rnnbp.runners.base import FusedRunner, Runner
from rnnbp.runners.bound import BoundCall
from rnnbp.runners.later import Later, Team
from rnnbp.runners.llvm import fused
from rnnbp.runners.llvm.arguments import Arguments
from rnnbp.runners.llvm.bound_calls import bound_call
from rnnbp.runners.llvm.buffers import Buffers
from rnnbp.runners.llvm.kernel import Kernel
from rnnbp.runners.llvm.late_arguments import LateArguments
from rnnbp.runners.llvm.made_again import MadeAgain, addresses_of
from rnnbp.runners.llvm.packing import Panels
from rnnbp.runners.llvm.row_buffers import RowBuffers
from rnnbp.runners.llvm.sharing import share
from rnnbp.runners.llvm.sizes import KernelSizes
from rnnbp.runners.llvm.table import Table, WithTable
from rnnbp.runners.llvm.tape import KernelTape, States
from rnnbp.runners.llvm.turns import KernelTurns
from rnnbp.runners.sums import Accumulator
from rnnbp.runners.tapes import Tape, ThinTape
from rnnbp.runners.thread_shares import Share
from rnnbp.runners.turns import TurnRunner
from rnnbp.support.lazy import cached_property


@final
class KernelProgram(Runner, FusedRunner):
    """Runs a cell by kernels. Results do not depend on the number of threads.

    With a ``table``, x is the numbers of symbols in it (L, B), and has no delta.

    Args:
        buffers: for chunks of ``sizes``.
        unpacked: takes the weights that are to be packed before the next chunk.
    """

    table: Table | None

    def __init__(self, sizes: KernelSizes, buffers: Buffers, unpacked: list[Panels]) -> None:
        self.sizes, self.layout, self.kernels = sizes, sizes.layout, sizes.cell
        self.cell, self.workspace, self._unpacked = sizes.layout.cell, buffers.workspace, unpacked
        self.output_state = sizes.step.forward.output_state
        self._lead = self.layout.lead
        self._output_shape: Shape = self.layout.shapes[self.cell.outputs[0]]
        self.table, self.buffers = buffers.table, buffers
        self.given = self._given = Arguments(self.layout, symbols=self.table is not None)
        self._team: Team = threads
        self._draws = bool(sizes.step.forward.drawn)
        self.remakes_output = self.rounds_output = sizes.remakes_output
        self._again = MadeAgain(sizes, buffers)

    def fewer(self, rows: int) -> KernelProgram:
        sizes = self.sizes.of_rows(rows)
        return KernelProgram(sizes, RowBuffers(sizes, self.buffers), self._unpacked)

    @property
    def fused(self) -> FusedRunner | None:
        # Not an attribute, which would be a cycle: programs of large models are to go at once.
        if not self._draws:
            return self
        rolling = self.kernels.forward(rolling=True, output=False)
        return None if self.sizes.drawn(rolling) else self

    @property
    def turns(self) -> TurnRunner | None:
        able = self.sizes.in_rounds
        return KernelTurns(self.sizes, self.buffers, self._given) if able else None

    def later(self, work: Later | None) -> None:
        self._team = threads if work is None else work.team
        self.given = self._given if work is None else LateArguments(self.layout, work)

    def flops(self, length: int) -> int:
        return self.sizes.flops(length)

    def take(self, leaves: Mapping[int, Array]) -> None:
        self.buffers.leaves.clear()
        self.buffers.leaves.update({key_of(k): value for k, value in leaves.items()})

    def prepare(self, length: int) -> None:
        self._unpacked += self.buffers.prepare(length)

    def renew(self) -> None:
        self._unpacked += self.buffers.renew()

    def advance(
        self, xs: Sequence[Array], state: Sequence[Array], context: Context, *, output: bool
    ) -> tuple[Array | None, tuple[Array, ...]]:
        kernel, length = self.kernels.forward(rolling=True, output=output), len(xs[self._lead])
        arrays, fixed = self.buffers.arrays(kernel, length), fix_sizes(xs)
        states, xs = [arrays[f"H{k}"] for k in range(len(state))], self.given.read(xs, length)
        self.given.enter(states, state)
        y = self._run(kernel, self.given.addresses(xs), length, context, output=output)
        del fixed
        return y, self.given.copies(s[0] for s in states)

    def advance_all(
        self, xs: Sequence[Array], length: int, wanted: Sequence[bool], state: Sequence[Array]
    ) -> list[tuple[Array, ...]]:
        kernel, batch = self.kernels.forward(rolling=True, output=False), self.layout.batch
        steps = len(xs[self._lead])
        arrays, xs = self.buffers.arrays(kernel, length), self.given.read(xs, steps)
        shapes, dtype = self.cell.state_shapes, self.layout.dtype
        self.given.enter([arrays[f"H{k}"] for k in range(len(shapes))], state)
        found = [
            tuple([np.empty((batch, *shape), dtype) for shape in shapes]) if yes else ()
            for yes in wanted
        ]
        bases = self.buffers.addresses(kernel, length).of(self.given.addresses(xs))
        tasks = fused.copies(kernel, found, len(shapes), self.sizes.copy, bases)
        moves = self.given.moves(xs)
        job = fused.job(kernel, moves, steps, length, tasks, batch, self.sizes.block(length))
        n, units = self._share(kernel, steps)
        self._team.do(job, bases, n, units=units)
        return found

    def bound(self, xs: Sequence[Array], y: Array) -> BoundCall | None:
        kernel = self.kernels.forward(rolling=True, output=True)
        n, units = self._share(kernel, len(y))
        return bound_call(kernel, self.buffers, self.given, xs, y, n, units)

    def keep(
        self, xs: Sequence[Array], state: Sequence[Array], context: Context, *, output: bool
    ) -> tuple[Array | None, States]:
        kernel, fixed = self.kernels.forward(output=output), fix_sizes(xs)
        length = len(xs[self._lead])
        xs = self.given.read(xs, length)
        states = [self.buffers.new(shape) for shape in self.buffers.state_shapes(length).values()]
        self.given.enter(states, state)
        addresses = self.given.addresses(xs)
        addresses |= {f"H{k}": address(array) for k, array in enumerate(states)}
        y = self._run(kernel, addresses, length, context, output=output)
        del fixed
        return y, self._held(states)

    def record(
        self, xs: Sequence[Array], state: Sequence[Array], context: Context, *, output: bool = True
    ) -> tuple[Array | None, KernelTape]:
        """(y, tape) of a chunk; y is None without ``output``, and may be a view of the tape."""
        kernel, fixed = self.kernels.forward(output=self._made(output), taped=True), fix_sizes(xs)
        length = len(xs[self._lead])
        packed = self.buffers.packed_arrays(kernel, length)
        memory = self.buffers.new((packed.size,))
        states = self._again.arrays(packed, memory)
        self.given.enter(states, state)
        xs, ends = self.given.read(xs, length), self._again.states
        tape = KernelTape(context, xs, self._held(states), [memory], {}, packed, ends=ends)
        y = self._taped(kernel, tape, length, output=output)
        del fixed
        return y, tape

    def rebuild(
        self, xs: Sequence[Array], known: ThinTape, context: Context, *, output: bool = True
    ) -> tuple[Array | None, KernelTape]:
        """(y, tape) from the states of ``keep``: all steps of a block run at once."""
        assert isinstance(known, States)
        states, fixed, length = known.states, fix_sizes(xs), len(known.states[0]) - 1
        xs, ends = self.given.read(xs, length), self._again.states
        kernel = self.kernels.forward(output=self._made(output), taped=True, known=True)
        packed = self.buffers.packed_arrays(kernel, length, states=bool(ends))
        memory = self.buffers.new((packed.size,))
        given = {f"H{k}": address(array) for k, array in enumerate(states)}
        parts = self._held(self._again.parts(packed, memory, states))
        owned = [memory] if ends else [memory, *states]
        tape = KernelTape(context, xs, parts, owned, given, packed, ends=ends)
        y = self._taped(kernel, tape, length, output=output)
        self._again.forget(given)
        del fixed
        return y, tape

    def output(self, tape: Tape) -> Array:
        assert isinstance(tape, KernelTape)
        assert self.output_state is not None
        return self._again.output(tape, self.output_state, self._output_shape)

    def backward(
        self,
        tape: Tape,
        dy: Array | None,
        dstate: Sequence[Array | None],
        grads: Accumulator,
        into: Sequence[Array | None] = (),
    ) -> tuple[tuple[Array | None, ...], tuple[Array | None, ...]]:
        """The delta recursion of a chunk, from its last step to its first, and the gradients."""
        assert isinstance(tape, KernelTape)
        kernel, xs = self.kernels.backward, tape.xs
        fixed = fix_sizes(xs if dy is None else [*xs, dy])
        length = self.given.length_of(tape)
        arrays = self.buffers.arrays(kernel, length)
        again = self._again.all(tape)
        if self._draws:
            self._draw(kernel, tape.context, length)
        for k, delta in enumerate(dstate):
            np.copyto(arrays[f"C{k}"], 0 if delta is None else delta.reshape(self.layout.batch, -1))
        shape = length, self.layout.batch, *self._output_shape
        dxs, dy = self._dxs(xs, into), self.given.delta(dy, shape)
        taped = self.kernels.forward(output=self._made(True), taped=True)
        moves = partial(self.given.moves, xs, dy, dxs)
        pieces = self.buffers.pieces(kernel, taped, moves, length)
        addresses = tape.addresses | self.given.of_deltas(dy, dxs)
        addresses |= addresses_of(again)
        n, units = self.sizes.share(length, self.workspace.threads, back=True)
        bases = pieces.bases(addresses, WithTable(grads, self.table))
        self._team.do(pieces.job, bases, n, units=units)
        del fixed, again
        return dxs, self.given.copies(arrays[f"C{k}"] for k in range(len(dstate)))

    @cached_property
    def _cleared(self) -> tuple[bool, ...]:
        return self.sizes.cleared

    def _dxs(self, xs: Sequence[Array], into: Sequence[Array | None]) -> tuple[Array | None, ...]:
        """An array for the gradient by each input: of zeros where nothing reaches it, or None for
        symbols.
        """
        if self.table is not None:
            return (None,)
        leaves, cleared = self.given.leaves, self._cleared
        if into and len(xs) == 1 and not cleared[0] and into[0] is not None:
            return (into[0],)  # as of most models, in every chunk
        found: list[Array | None] = []
        for k, x in enumerate(xs):
            dx = into[k] if into else None
            if leaves[k]:  # its delta is among the gradients
                dx = None
            elif dx is None:
                dx = self.workspace.new(x.shape, self.layout.dtype, brief=True)
            if dx is not None and cleared[k]:
                dx[...] = 0
            found.append(dx)
        return tuple(found)

    def _taped(
        self, kernel: Kernel, tape: KernelTape, length: int, *, output: bool
    ) -> Array | None:
        """y of a chunk whose tape this fills."""
        tape.given |= self.given.addresses(tape.xs)
        self._again.enter(kernel, tape)
        y = self._run(kernel, tape.addresses, length, tape.context, output=self._made(output))
        self._again.leave(kernel, tape)
        if not output or y is not None:
            return y
        assert self.output_state is not None
        return tape.output(self.output_state, self._output_shape)

    def _draw(self, kernel: Kernel, context: Context, length: int) -> None:
        """Fill the arrays of random numbers that a kernel takes of a chunk."""
        if names := self.sizes.drawn(kernel):
            self.sizes.draws.fill(names, self.buffers.arrays(kernel, length), context, length)

    def _run(
        self,
        kernel: Kernel,
        addresses: dict[str, int],
        length: int,
        context: Context,
        *,
        output: bool,
    ) -> Array | None:
        """y of a chunk, or None; its first state is in its place."""
        batch = self.layout.batch
        y = self.buffers.new((length, batch, *self._output_shape)) if output else None
        if self._draws:
            self._draw(kernel, context, length)
        bases = self.buffers.addresses(kernel, length).of(addresses | {"y": address(y)})
        n, units = self._share(kernel, length)
        self._team.do(
            self.buffers.job(kernel, length), bases, n if units else min(n, batch), units=units
        )
        return y

    def _share(self, kernel: Kernel, steps: int) -> Share:
        """What threads share of a kernel's work on ``steps`` steps."""
        flops = kernel.flops * steps * self.layout.batch
        return share(kernel, self.layout, flops, self.workspace.threads)

    def _made(self, output: bool) -> bool:
        """True if y is an array of its own, and not a state, which the tape has."""
        return output and (self.output_state is None or self.remakes_output)

    def _held(self, states: list[Array]) -> States:
        return States(states, self.cell.state_shapes)
