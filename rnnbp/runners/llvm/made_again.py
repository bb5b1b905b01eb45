"""The states that a tape of 16 bits has at its ends alone, and that are made again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

import numpy as np

from rnnbp.machine.team import threads
from rnnbp.numerics import Array, Shape, address
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

    def enter(self, kernel: Kernel, tape: KernelTape) -> None:
        """Put the state before a chunk where a kernel that has no array of all steps starts."""
        if kernel.rolled:
            arrays, states = self.buffers.arrays(kernel, tape.length), tape.states.states
            for k in self.states:
                np.copyto(arrays[f"H{k}"][0], states[k][0])

    def leave(self, kernel: Kernel, tape: KernelTape) -> None:
        """Put the state after a chunk on its tape, from where that kernel has left it."""
        if kernel.rolled:
            arrays, states = self.buffers.arrays(kernel, tape.length), tape.states.states
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

    def all(self, tape: KernelTape) -> dict[str, Array]:
        """The states before each step of a tape, made again, by the names of their arrays."""
        length, dtype = tape.length, self.sizes.layout.dtype
        shapes, found = self.buffers.state_shapes(length - 1), dict[str, Array]()
        for k in self.states:
            array = self.buffers.workspace.new(shapes[f"H{k}"], dtype, brief=True)
            np.copyto(array[0], tape.states.states[k][0])
            found[f"H{k}"] = array
        if found and length > 1:
            self._make(tape, self.states, length - 1, addresses_of(found))
        return found

    def output(self, tape: KernelTape, k: int, shape: Shape) -> Array:
        """y (L, B, ...), which is state k."""
        length, layout = tape.length, self.sizes.layout
        y = self.buffers.workspace.new((length, layout.batch, *shape), layout.dtype, brief=True)
        # Kernels write from the second step on: nothing lies in the first, which y does not have.
        self._make(tape, (k,), length, {f"H{k}": address(y) - y.strides[0]})
        return y

    def _make(
        self, tape: KernelTape, wanted: tuple[int, ...], steps: int, states: dict[str, int]
    ) -> None:
        """Make states again, after each of the first ``steps`` steps, at these addresses."""
        kernel, batch = self.sizes.cell.making(wanted), self.sizes.layout.batch
        bases = self.buffers.addresses(kernel, steps).of(tape.addresses | states)
        n = min(workers(self.flops * steps, self.buffers.workspace.threads), batch)
        threads.do(self.buffers.job(kernel, steps), bases, n, units=False)


def addresses_of(arrays: Mapping[str, Array]) -> dict[str, int]:
    """The addresses of arrays, by name."""
    return {name: address(array) for name, array in arrays.items()}
