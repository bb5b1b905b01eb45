"""The mean over the steps of each sequence."""

from __future__ import annotations

import math
from typing import final

import numpy as np

from rnnbp.graph.over_time.base import LENGTH, OverTime, Reduced, of_rows
from rnnbp.numerics import Array, Dtype, Shape

BLOCK = 64
"""Steps that are summed in the dtype of the series, before the sum is added in double precision."""


@final
class MeanOverTime(OverTime):
    """The mean over the steps of each sequence, divided by its true length.

    Sums of single precision are taken in double precision.

    Shapes: (T, B, ...) → (B, ...), static: what follows runs once for each sequence.

    >>> import rnnbp as rb
    >>> rb.MeanOverTime()(rb.GRU(3, 4)(rb.Input(3))).per
    'sequence'
    """

    keeps_values = False

    def begin(
        self, batch: int, steps: int, shape: Shape, dtype: Dtype, *, reverse: bool = False
    ) -> Reduced:
        return _MeanReduced(np.zeros((batch, *shape), _wide(dtype)), dtype, reverse=reverse)

    def nbytes(self, batch: int, steps: int, shape: Shape, dtype: Dtype) -> int:
        return batch * (math.prod(shape) * _wide(dtype).itemsize + LENGTH)

    def spare(self, length: int, rows: int, shape: Shape, dtype: Dtype) -> int:
        return rows * math.prod(shape) * dtype.itemsize


@final
class _MeanReduced(Reduced):
    """Holds the sums of the rows."""

    def __init__(self, total: Array, dtype: Dtype, *, reverse: bool) -> None:
        super().__init__(len(total), reverse=reverse)
        self.total, self.dtype = total, dtype

    def add(self, start: int, y: Array, rows: slice) -> None:
        for first in range(0, len(y), BLOCK):
            self.total[rows] += y[first : first + BLOCK].sum(axis=0)

    def values(self) -> tuple[Array, ...]:
        mean: Array = self.total / of_rows(self.lengths, self.total)
        return (mean.astype(self.dtype, copy=False),)

    def send(self, start: int, delta: Array, rows: slice, out: Array) -> None:
        # In the dtype of the delta: NumPy divides single precision by integers in double.
        out[...] = delta / of_rows(self.lengths[rows], delta).astype(delta.real.dtype)

    def arrays(self) -> tuple[Array, ...]:
        return (self.lengths, self.total)


def _wide(dtype: Dtype) -> Dtype:
    """The dtype of sums: at least double precision."""
    return np.result_type(dtype, np.float64)
