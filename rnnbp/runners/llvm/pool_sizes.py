"""Which pooling machine code runs outside cells: its tasks, their bytes, and its numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeGuard, final

from rnnbp.layers.base import Layer
from rnnbp.layers.pooling import AvgPool, MaxPool, Pool
from rnnbp.machine.ir import Text
from rnnbp.machine.tasks import ROW
from rnnbp.numerics import Dtype, Shape
from rnnbp.runners.factory import LayerSizes
from rnnbp.runners.llvm.lane_numbers import passed

SIZES = ("H", "W", "KH", "KW", "SH", "SW", "PH", "PW", "HO", "WO", "HW", "P")
"""Axes of x, of a window, strides, padding before, axes of y; H · W, positions."""
MANY = 256
"""Elements of a window at the most: their numbers are bytes."""
TASKS = 32
"""Tasks of planes, at the least, where there are as many."""
FAR = 2**28
"""More than the elements of a task, whose offsets, and positions, are integers of 32 bits."""


def pools(layer: Layer, dtype: Dtype) -> TypeGuard[Pool]:
    """True if it is pooling of real numbers whose windows have few elements."""
    if type(layer) not in (MaxPool, AvgPool) or dtype.kind != "f":
        return False
    assert isinstance(layer, Pool)
    return math.prod(layer.windows.kernel) <= MANY


@final
@dataclass(frozen=True)
class PoolKernelSizes(LayerSizes):
    """The sizes of a ``PoolKernel``."""

    layer: Pool

    @property
    def weight_bytes(self) -> int:
        """There are no weights."""
        return 0

    def task_bytes(self, lead: int, shape: Shape) -> int:
        axes = self.layer.windows.axes
        planes, size = lead * math.prod(shape[:-axes]), math.prod(shape[-axes:])
        return 8 * ROW * (-(-planes // together(planes, size)) if planes else 0)


def together(planes: int, size: int) -> int:
    """Planes of ``size`` elements in a task."""
    return max(1, min(-(-planes // TASKS), FAR // max(1, size)))


def sizes(t: Text) -> dict[str, str]:
    """The numbers of ``SIZES``."""
    return passed(t, SIZES)


def unit(t: Text, g: dict[str, str]) -> str:
    """1 over the elements of a window, rounded from a double, as NumPy does."""
    count = t.put(f"sitofp i64 {t.times(g['KH'], g['KW'])} to double")
    found = t.put(f"fdiv double 1.0, {count}")
    return t.put(f"fptrunc double {found} to float") if t.lanes.bits == 32 else found
