"""The chunks of a cell's kernels in rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import final

import numpy as np

from rnnbp.machine.elementwise import COPY
from rnnbp.machine.records import place
from rnnbp.machine.team.job import Job
from rnnbp.machine.team.rounds import Turn
from rnnbp.numerics import Array, address, fix_sizes
from rnnbp.rng import Context
from rnnbp.runners.llvm.arguments import Arguments
from rnnbp.runners.llvm.buffers import Buffers
from rnnbp.runners.llvm.sharing import share
from rnnbp.runners.llvm.sizes import KernelSizes
from rnnbp.runners.llvm.table import WithTable
from rnnbp.runners.llvm.tape import KernelTape
from rnnbp.runners.sums import Accumulator
from rnnbp.runners.tapes import Tape
from rnnbp.runners.thread_shares import Share
from rnnbp.runners.turns import Recorded, TurnRunner


@final
class KernelTurns(TurnRunner):
    """The rounds of a program whose one input is a series, and which draws no numbers.

    Args:
        sizes, buffers, given: those of the program.
    """

    def __init__(self, sizes: KernelSizes, buffers: Buffers, given: Arguments) -> None:
        self.sizes, self.buffers, self.given = sizes, buffers, given
        self.layout, self.kernels, self.table = sizes.layout, sizes.cell, buffers.table
        self._state = sizes.step.forward.output_state
        self._taped = sizes.recording

    def flops(self, length: int) -> int:
        return self.sizes.flops(length)

    def advance(
        self,
        xs: Sequence[Array],
        ys: Sequence[Array],
        state: Sequence[Array],
        ends: Sequence[Sequence[Array]],
        threads: int,
    ) -> list[Turn]:
        kernel, length = self.kernels.forward(rolling=True, output=bool(ys)), len(xs[0])
        self.given.read(xs[:1], length)  # the others are like it
        arrays = self.buffers.arrays(kernel, length)
        rolled = [arrays[f"H{k}"][0] for k in range(len(state))]
        self.given.enter([arrays[f"H{k}"] for k in range(len(state))], state)
        addresses: dict[str, Array | int] = {self.given.names[0]: _addresses(xs)}
        addresses |= {"y": _addresses(ys)} if ys else {}
        bases = self.buffers.addresses(kernel, length).table(len(xs), addresses)
        found = share(kernel, self.layout, kernel.flops * length * self.layout.batch, threads)
        job = self._turn(self.buffers.job(kernel, length), bases, found, (xs, ys))
        # A state that is not wanted is copied to where it is.
        copied = [
            [address(a) for pair in zip(rolled, end or rolled, strict=True) for a in pair]
            for end in ends
        ]
        copies = self._job([s.size for s in rolled])
        return [job, Turn(copies, np.array(copied, np.int64), kept=(rolled, ends))]

    def record(
        self, xs: Sequence[Array], state: Sequence[Array], context: Context, threads: int
    ) -> Recorded:
        kernel, length, shapes = self._taped, len(xs[0]), self.layout.cell.state_shapes
        packed, (name,) = self.buffers.packed_arrays(kernel, length), self.given.names
        found = Recorded([], [], [])
        self.given.read(xs[:1], length)  # the others are like it
        for x in xs:
            memory, given = self.buffers.new((packed.size,)), {name: address(x)}
            tape = KernelTape(context, (x,), None, [memory], given, packed, shapes)
            found.ys.append(self._output(tape, length))
            found.tapes.append(tape)
        addresses = self._addresses(found.tapes) | {"y": _addresses(found.ys)}
        found.turns.append(self._copies(state, addresses, packed.moves, length))
        bases = self.buffers.addresses(kernel, length).table(len(xs), addresses)
        job, fixed = self.buffers.job(kernel, length), fix_sizes(xs[:1])  # of one array, or our own
        found.turns.append(self._turn(job, bases, self.sizes.share(length, threads), fixed))
        return found

    def _addresses(self, tapes: Sequence[Tape]) -> dict[str, Array]:
        """By name, the addresses of inputs, states and other values by round."""
        recorded, (name,) = (
            [tape for tape in tapes if isinstance(tape, KernelTape)],
            self.given.names,
        )
        packed = recorded[0].packed
        xs = {name: np.array([tape.given[name] for tape in recorded], np.int64)}
        if all(len(tape.given) == 1 and tape.packed is packed for tape in recorded):
            return packed.along(_addresses([tape.owned[0] for tape in recorded])) | xs
        rows = [tape.addresses for tape in recorded]  # some have been rebuilt
        return {key: np.array([row.get(key, 0) for row in rows], np.int64) for key in rows[0]}

    def _output(self, tape: KernelTape, length: int) -> Array:
        """y of a chunk: a state of the tape, or an array of its own."""
        shape = self.layout.shapes[self.layout.cell.outputs[0]]
        if self._state is not None:
            return tape.output(self._state, shape)
        return self.buffers.new((length, self.layout.batch, *shape))

    def _turn(self, job: Job, bases: Array, found: Share, kept: object = None) -> Turn:
        """A kernel's job, that threads share so."""
        n, units = found
        return Turn(job, bases, n if units else min(n, self.layout.batch), units, kept)

    def _copies(
        self,
        state: Sequence[Array],
        addresses: Mapping[str, Array],
        moves: dict[str, int],
        length: int,
    ) -> Turn:
        """The state after a chunk becomes that before the next one; ``state`` before the first."""
        lying = [np.ascontiguousarray(s) for s in state]
        bases = np.empty((len(addresses["y"]), 2 * len(lying)), np.int64)
        for k, given in enumerate(lying):
            name = f"H{k}"
            to = bases[:, 2 * k + 1] = addresses[name]
            bases[0, 2 * k] = address(given)
            bases[1:, 2 * k] = to[:-1] + length * moves[name]
        return Turn(self._job([s.size for s in lying]), bases, kept=lying)

    def backward(
        self,
        tapes: Sequence[Tape],
        dys: Sequence[Array],
        dstate: Sequence[Array],
        dxs: Sequence[Array | None],
        grads: Accumulator,
        threads: int,
    ) -> list[Turn]:
        kernel, length, name = self.kernels.backward, len(dys[0]), self.given.deltas[0]
        first = tapes[0]
        assert isinstance(first, KernelTape)
        moves = partial(self.given.moves, first.xs, dys[0], dxs[:1])
        pieces = self.buffers.pieces(kernel, self._taped, moves, length)
        given: dict[str, Array | int] = {**self._addresses(tapes), "dy": _addresses(dys)}
        given[name] = _addresses(dxs)
        bases = pieces.table(len(tapes), given, WithTable(grads, self.table))
        kept = dys, dxs, fix_sizes(first.xs)
        job = self._turn(pieces.job, bases, self.sizes.share(length, threads, back=True), kept)
        # Runners carry them in one workspace, so each has its own arrays between its kernels.
        arrays = self.buffers.arrays(kernel, length)
        carried = [arrays[f"C{k}"] for k in range(len(dstate))]
        before = self._copying(list(zip(dstate, carried, strict=True)), len(tapes))
        after = self._copying(list(zip(carried, dstate, strict=True)), len(tapes))
        return [before, job, after]

    def _copying(self, pairs: Sequence[tuple[Array, Array]], rounds: int) -> Turn:
        """Copy the same arrays in each round."""
        row = [address(array) for pair in pairs for array in pair]
        bases, sizes = np.array([row] * rounds, np.int64), [given.size for given, _ in pairs]
        return Turn(self._job(sizes), bases, kept=pairs)

    def _job(self, sizes: Sequence[int]) -> Job:
        """Copies of as many numbers, from every even array to the next."""
        return _copying(self.sizes.copy, tuple(sizes))


@lru_cache(maxsize=64)
def _copying(copy: int, sizes: tuple[int, ...]) -> Job:
    """``KernelTurns._job`` by the function at an address; the same in each run."""
    rows = [
        COPY.row(copy, False, x=place(2 * k), y=place(2 * k + 1), n=size)
        for k, size in enumerate(sizes)
    ]
    return Job(np.array([rows], np.int64))


def _addresses(arrays: Sequence[Array | None]) -> Array:
    """Where they begin; 0 for None."""
    return np.array([address(array) for array in arrays], np.int64)
