"""The states that a tape of 16 bits has at its ends alone, and that are made again from the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np

from rnnbp.machine.team import threads
from rnnbp.numerics import Array, address
from rnnbp.runners.llvm.buffers import Buffers
from rnnbp.runners.llvm.kernel import Kernel
from rnnbp.runners.llvm.packed import PackedArrays
from rnnbp.runners.llvm.sharing import workers
from rnnbp.runners.llvm.sizes import KernelSizes
from rnnbp.runners.llvm.tape import KernelTape

PER_NUMBER = 64
"""Operations that making a state again is worth, for each number: as many as its products have."""


@final
class MadeAgain:
    """Makes the states of a chunk again.

    Args:
        sizes, buffers: those of the program.
    """

    def __init__(self, sizes: KernelSizes, buffers: Buffers) -> None:
        self.sizes, self.buffers, self.states = sizes, buffers, sizes.cell.again
        rows = [sizes.step.forward.states[k].rows for k in self.states]
        self.flops = PER_NUMBER * sum(rows) * sizes.layout.batch
        """Of a step, about."""

    def arrays(self, packed: PackedArrays, memory: Array) -> list[Array]:
        """The states of a tape: those made again at both ends, others around each of its steps."""
        count = len(self.sizes.layout.cell.state_shapes)
        return [
            packed.array(memory, f"E{k}" if k in self.states else f"H{k}") for k in range(count)
        ]

    def enter(self, kernel: Kernel, states: Sequence[Array], length: int) -> None:
        """Put the state before a chunk where a recording kernel starts."""
        arrays = self.buffers.arrays(kernel, length) if self.states else {}
        for k in self.states:
            np.copyto(arrays[f"H{k}"][0], states[k][0])

    def leave(self, kernel: Kernel, states: Sequence[Array], length: int) -> None:
        """Put the state after a chunk on its tape, from where the kernel has left it."""
        arrays = self.buffers.arrays(kernel, length) if self.states else {}
        for k in self.states:
            np.copyto(states[k][1], arrays[f"H{k}"][0])

    def parts(self, packed: PackedArrays, memory: Array, known: list[Array]) -> list[Array]:
        """The states of a tape from a thin one: its arrays, or copies where some are to go."""
        if not self.states:
            return known
        found = self.arrays(packed, memory)
        for k, (array, source) in enumerate(zip(found, known, strict=True)):
            np.copyto(array, source[:: len(source) - 1] if k in self.states else source)
        return found

    def forget(self, given: dict[str, int]) -> None:
        """Forget the addresses of a thin tape's states, of which the tape has copies."""
        for name in [name for name in given if self.states and name[0] == "H"]:
            del given[name]

    def before(self, tape: KernelTape) -> dict[str, int]:
        """The addresses of workspace arrays of these states, with the state before the chunk."""
        kernel = self.sizes.cell.backward
        arrays, found = self.buffers.arrays(kernel, tape.length), dict[str, int]()
        for k in self.states:
            again = arrays[f"again{k}"]
            np.copyto(again[0], tape.states.states[k][0])
            found[f"H{k}"] = address(again)
        return found

    def make(self, tape: KernelTape, states: dict[str, int]) -> dict[str, int]:
        """Make the states again, at these addresses; returns them."""
        kernel, length, batch = self.sizes.cell.making, tape.length, self.sizes.layout.batch
        if kernel is not None:
            bases = self.buffers.addresses(kernel, length).of(tape.addresses | states)
            n = min(workers(self.flops * length, self.buffers.workspace.threads), batch)
            threads.do(self.buffers.job(kernel, length), bases, n, units=False)
        return states

    def into(self, tape: KernelTape, k: int, y: Array) -> dict[str, int]:
        """The same, but that state k goes into y (L, B, ...)."""
        # Kernels write from the second step on: nothing lies in the first, which y does not have.
        return self.before(tape) | {f"H{k}": address(y) - y.strides[0]}
