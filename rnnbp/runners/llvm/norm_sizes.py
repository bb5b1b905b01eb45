"""Which LayerNorms machine code runs outside cells, in how many tasks, and their bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeGuard, final

from rnnbp.layers.base import Layer
from rnnbp.layers.norm import LayerNorm
from rnnbp.machine.tasks import ROW
from rnnbp.numerics import Dtype, Shape
from rnnbp.runners.factory import LayerSizes

TASKS, COLUMNS = 32, 256
"""Tasks of rows at the most; columns of a task of the parameters' gradients."""


def normalises(layer: Layer, dtype: Dtype) -> TypeGuard[LayerNorm]:
    """True if it is a LayerNorm of real numbers, with parameters."""
    return isinstance(layer, LayerNorm) and dtype.kind == "f" and bool(layer.params)


@final
@dataclass(frozen=True)
class NormKernelSizes(LayerSizes):
    """The sizes of a ``NormKernel``."""

    layer: LayerNorm
    dtype: Dtype

    @property
    def weight_bytes(self) -> int:
        """What stands for a parameter that there is not."""
        return (2 - len(self.layer.params)) * math.prod(self.layer.shape) * self.dtype.itemsize

    def task_bytes(self, lead: int, shape: Shape) -> int:
        columns = -(-math.prod(self.layer.shape) // COLUMNS)
        return 8 * ROW * (min(lead, TASKS) + columns * len(self.layer.params))
