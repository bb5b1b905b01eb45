"""The memory of a cell's kernels, and where each of their arrays begins."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from rnnbp.compiler.weights import Matrix, Vector
from rnnbp.machine.team.job import Job
from rnnbp.numerics import Array, Shape
from rnnbp.runners.constants import Constant
from rnnbp.runners.llvm.item_text import TABLE
from rnnbp.runners.llvm.kernel import Kernel
from rnnbp.runners.llvm.packed import PackedArrays
from rnnbp.runners.llvm.packing import Panels, fill
from rnnbp.runners.llvm.sizes import KernelSizes
from rnnbp.runners.llvm.table import Table
from rnnbp.runners.llvm.tasks import Addresses, Pieces, first_places
from rnnbp.runners.vectors import Adding
from rnnbp.runners.weights import vector_of
from rnnbp.runners.workspace import Workspace

STEPS = 3
"""Axes of an array of all steps: (steps, batch, features)."""


class Buffers:
    """Workspace, weights in panels and tapes; what stays from chunk to chunk is looked at once.

    Args:
        table: of the symbols that x is; None where x is numbers.
    """

    def __init__(self, sizes: KernelSizes, workspace: Workspace, table: Table | None) -> None:
        self.sizes, self.layout, self.workspace, self.table = sizes, sizes.layout, workspace, table
        self._packed: dict[object, Array] = {}
        self.leaves: dict[str, Array] = {}
        """Those of this run: panels read them too."""
        self._panels: list[Panels] = []
        self._vectors: dict[object, Adding] = {}
        self._spots: dict[tuple[Kernel, int, bool], Addresses] = {}
        self._packed_arrays: dict[tuple[Kernel, int, bool], PackedArrays] = {}
        self._cut: dict[int, Pieces] = {}
        """By the length of chunks."""
        self._jobs: dict[tuple[Kernel, int], Job] = {}
        """By kernel and the length of chunks."""
        self._memory = workspace.memory

    def prepare(self, length: int) -> list[Panels]:
        """Take the memory for chunks of ``length`` steps; returns what is to be packed."""
        self.workspace.reserve(self.sizes.workspace_bytes(length))
        if not self._packed:
            self._make(self.sizes.constants)
        return self.renew()

    def renew(self) -> list[Panels]:
        """Take the biases as they are now; returns the weights that are to be packed."""
        for key, vector in self._vectors.items():
            vector.renew(self._packed[key], self.leaves)
        return self._panels + ([] if self.table is None else self.table.prepare())

    def new(self, shape: Shape) -> Array:
        """An array of its own."""
        return self.workspace.new(shape, self.layout.dtype)

    def arrays(self, kernel: Kernel, length: int) -> dict[str, Array]:
        """What a kernel needs while it runs, good until the next call."""
        return self.workspace.carve(self.sizes.arrays(kernel, length), self.layout.dtype)

    def state_shapes(self, length: int) -> dict[str, Shape]:
        """Of the states before and after the steps of a chunk."""
        batch = self.layout.batch
        return {
            f"H{k}": (length + 1, batch, math.prod(s))
            for k, s in enumerate(self.layout.cell.state_shapes)
        }

    def packed_arrays(self, kernel: Kernel, length: int, *, states: bool = True) -> PackedArrays:
        """What a kernel puts on a tape, with the states of its steps or without."""
        key = kernel, length, states
        if key not in self._packed_arrays:
            shapes = {
                name: (length, self.layout.batch, rows)
                for name, rows in kernel.of_kind("T").items()
            }
            first = self._tape_states(length) if states else {}
            self._packed_arrays[key] = PackedArrays(first | shapes, self.layout.dtype.itemsize)
        return self._packed_arrays[key]

    def _tape_states(self, length: int) -> dict[str, Shape]:
        """Of the states on a tape: of those that are made again, the first and the last."""
        found = self.state_shapes(length)
        for k in self.sizes.cell.again:
            _, *row = found.pop(f"H{k}")
            found[f"E{k}"] = 2, *row
        return found

    def addresses(
        self, kernel: Kernel, length: int, names: Iterable[str] | None = None
    ) -> Addresses:
        """The addresses of a kernel's arrays, or of those ``names``."""
        key = kernel, length, names is None
        if key not in self._spots or self.workspace.memory is not self._memory:
            arrays = self.arrays(kernel, length) | self.constants(kernel)
            if self.workspace.memory is not self._memory:  # it has grown
                self._spots.clear()
                self._cut.clear()
            self._memory = self.workspace.memory
            self._spots[key] = Addresses(kernel.names if names is None else names, arrays)
        return self._spots[key]

    def job(self, kernel: Kernel, length: int) -> Job:
        """A kernel on a chunk in one piece; the first arrays are those of ``addresses``."""
        key = kernel, length
        if key not in self._jobs:
            self._jobs[key] = Job(
                None,
                run=kernel.address,
                places=first_places(len(kernel.names)),
                lengths=np.array([length]),
                batch=self.layout.batch,
                block=self.sizes.block(length),
            )
        return self._jobs[key]

    def pieces(
        self, kernel: Kernel, taped: Kernel, given: Callable[[], dict[str, int]], length: int
    ) -> Pieces:
        """What backward does piece by piece with a chunk.

        Args:
            taped: the kernel whose tape it reads. given: returns, by name, bytes from step to step of dy,
                of the inputs and of their deltas.
        """
        known = self._cut.get(length)
        if known is not None and self.workspace.memory is self._memory:
            return known
        names = self.sizes.tasks.names
        own, read = self.addresses(kernel, length), self.addresses(kernel, length, names)
        self._cut[length] = self.new_pieces(kernel, taped, given, length, (own, read))
        return self._cut[length]

    def new_pieces(
        self,
        kernel: Kernel,
        taped: Kernel,
        given: Callable[[], dict[str, int]],
        length: int,
        addresses: tuple[Addresses, Addresses],
    ) -> Pieces:
        """The same, not remembered; ``addresses``: of the kernel's arrays, and of its tasks'."""
        moves = {**self.packed_arrays(taped, length).moves, **given()}
        moves |= self._drawn_moves(kernel, length)
        states = self.state_shapes(1)
        again = [f"H{k}" for k in self.sizes.cell.again]
        moves |= {name: self.layout.dtype.itemsize * math.prod(states[name][1:]) for name in again}
        own, read = addresses
        size = {"length": length, "piece": self.sizes.piece(length), "batch": self.layout.batch}
        return Pieces(kernel.address, own, read, self.sizes.tasks, moves, **size)

    def _drawn_moves(self, kernel: Kernel, length: int) -> dict[str, int]:
        """By array of random numbers with an axis of steps, bytes from step to step."""
        arrays = self.arrays(kernel, length)
        found = {name: arrays[name] for name in self.sizes.drawn(kernel)}
        return {name: a.strides[0] for name, a in found.items() if a.ndim == STEPS}

    def constants(self, kernel: Kernel) -> dict[str, Array]:
        """The weights, in panels, and biases that a kernel takes."""
        if missing := {
            key: kernel.constants[name]
            for name, key in kernel.keys.items()
            if key not in self._packed
        }:
            fill(self._make(missing))
        table = {} if self.table is None or self.table.rows is None else {TABLE: self.table.rows}
        return table | {name: self._packed[key] for name, key in kernel.keys.items()}

    def _make(self, values: Mapping[object, Constant]) -> list[Panels]:
        """Take memory for weights, which are to be packed, and biases, by their keys."""
        matrices = {key: value for key, value in values.items() if isinstance(value, Matrix)}
        vectors = {key: value for key, value in values.items() if isinstance(value, Vector)}
        self._vectors |= {key: Adding(v, self.layout.dtype) for key, v in vectors.items()}
        self._packed |= {
            key: vector_of(vector, self.layout.dtype, self.leaves)
            for key, vector in vectors.items()
        }
        if not matrices:
            return []
        panels = Panels(
            list(matrices.values()),
            self.new,
            self.sizes.cell.lanes,
            self.sizes.cell.library,
            self.leaves,
            pairs=self.sizes.cell.pairs,
        )
        self._panels.append(panels)
        self._packed |= zip(matrices, panels.arrays, strict=True)
        return [panels]
