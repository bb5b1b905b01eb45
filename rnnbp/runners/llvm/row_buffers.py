"""The memory of a cell's kernels for chunks of fewer rows than the batch: within that of all rows.

An array of fewer rows lies at the beginning of the one of the whole batch, so that both have one
address. What is made for a number of rows is small, and tables of tasks are made for each call:
sequences of many lengths have many numbers of rows, most of them for one chunk.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import final

from rnnbp.numerics import Array, Shape
from rnnbp.runners.llvm.buffers import Buffers
from rnnbp.runners.llvm.kernel import Kernel
from rnnbp.runners.llvm.packing import Panels
from rnnbp.runners.llvm.sizes import KernelSizes
from rnnbp.runners.llvm.tasks import Pieces


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
        key, views = (kernel, length), self.workspace.views(self)
        if key not in views:
            whole = self._whole.arrays(kernel, length)
            shapes = self.sizes.arrays(kernel, length)
            views[key] = {name: _first(whole[name], shape) for name, shape in shapes.items()}
        return views[key]

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
