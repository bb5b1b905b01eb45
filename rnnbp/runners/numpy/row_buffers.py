"""The arrays of a step program for chunks of fewer rows than the batch, in the memory of all."""

from __future__ import annotations

from typing import final

from rnnbp.compiler.weights import Vector
from rnnbp.numerics import Array
from rnnbp.runners.constants import Constant
from rnnbp.runners.numpy.buffers import Buffers
from rnnbp.runners.numpy.function import Function
from rnnbp.runners.numpy.sizes import ProgramSizes


@final
class RowBuffers(Buffers):
    """Workspace and weights are those of ``whole``, the buffers of the whole batch."""

    def __init__(self, sizes: ProgramSizes, whole: Buffers) -> None:
        super().__init__(sizes, whole.workspace)
        self._whole, self.leaves = whole, whole.leaves

    def prepare(self, length: int) -> None:
        self._whole.prepare(length)

    def renew(self) -> None:
        self._whole.renew()

    def arrays(self, function: Function, length: int) -> dict[str, Array]:
        # Views that are remembered would pile up: a batch has many numbers of rows.
        found = self.workspace.carve_once(self.sizes.shapes(function, length), self.layout.dtype)
        return found | {name: self.constant(value) for name, value in function.constants.items()}

    def constant(self, value: Constant) -> Array:
        found = self._whole.constant(value)
        return found[:, : self.layout.batch] if isinstance(value, Vector) else found
