"""The memory of a cell's kernels for chunks of fewer rows than the batch: within that of all rows.

An array of fewer rows lies at the beginning of the one of the whole batch, so that both have one
address. What is made for a number of rows is small, and tables of tasks are made for each call:
sequences of many lengths have many numbers of rows, most of them for one chunk.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import final

from rnnbp.numerics import Array, Shape
from rnnbp.runners.llvm.buffers import Buffers
from rnnbp.runners.llvm.kernel import Kernel
from rnnbp.runners.llvm.packing import Panels
from rnnbp.runners.llvm.sizes import KernelSizes
from rnnbp.runners.llvm.tasks import Addresses, Pieces

WITHIN = "BS"
"""Kinds of arrays that kernels alone read, of a block and of a step."""


@final
class RowBuffers(Buffers):
    """Workspace and weights are those of ``whole``, the buffers of the whole batch."""

    def __init__(self, sizes: KernelSizes, whole: Buffers) -> None:
        super().__init__(sizes, whole.workspace, whole.table)
        self._whole, self.leaves = whole, whole.leaves

    def prepare(self, length: int) -> list[Panels]:
        return self._whole.prepare(length)

    def renew(self) -> list[Panels]:
        return self._whole.renew()

    def arrays(self, kernel: Kernel, length: int) -> dict[str, Array]:
        """Those that Python fills or reads: states, their deltas, random numbers."""
        key, views = (kernel, length), self.workspace.views(self)
        if key not in views:
            views[key] = self._views(kernel, length)
        return views[key]

    def _views(self, kernel: Kernel, length: int) -> dict[str, Array]:
        whole, sizes = self._whole.arrays(kernel, length), self.sizes
        if kernel is sizes.cell.backward and not sizes.drawn(kernel):  # as of most, in every chunk
            rows = sizes.layout.batch
            return {
                buffer.name: whole[buffer.name][:rows] for buffer in sizes.step.backward.carried
            }
        shapes = sizes.arrays(kernel, length).items()
        read = [(n, s) for n, s in shapes if n not in kernel.widths or n[0] not in WITHIN]
        return {name: _first(whole[name], shape) for name, shape in read}

    def addresses(
        self, kernel: Kernel, length: int, names: Iterable[str] | None = None
    ) -> Addresses:
        return self._whole.addresses(kernel, length, names)

    def constants(self, kernel: Kernel) -> dict[str, Array]:
        return self._whole.constants(kernel)

    def pieces(
        self, kernel: Kernel, taped: Kernel, given: Callable[[], dict[str, int]], length: int
    ) -> Pieces:
        """As of ``Buffers``, but not remembered: a table may be as large as the chunk's y."""
        names = self.sizes.tasks.names
        own, read = self.addresses(kernel, length), self.addresses(kernel, length, names)
        return self.new_pieces(kernel, taped, given, length, (own, read))


def _first(array: Array, shape: Shape) -> Array:
    """The first numbers of an array, in another shape."""
    return array.reshape(-1)[: math.prod(shape)].reshape(shape)
