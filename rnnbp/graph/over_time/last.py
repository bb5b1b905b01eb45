"""The last step of each sequence."""

from __future__ import annotations

import math
from typing import final

import numpy as np

from rnnbp.graph.over_time.base import LENGTH, OverTime, Reduced
from rnnbp.numerics import Array, Dtype, Shape


@final
class Last(OverTime):
    """The last step of each sequence, by its true length.

    Shapes: (T, B, ...) → (B, ...), static: what follows runs once for each sequence.

    >>> import rnnbp as rb
    >>> model = rb.Sequential(rb.LSTM(3, 4), rb.Last(), rb.Dense(4, 5))
    >>> model
    Sequential(LSTM(3, 4), Last(), Dense(4, 5))
    """

    def begin(
        self, batch: int, steps: int, shape: Shape, dtype: Dtype, *, reverse: bool = False
    ) -> Reduced:
        return _LastReduced(np.zeros((batch, *shape), dtype), reverse=reverse)

    def nbytes(self, batch: int, steps: int, shape: Shape, dtype: Dtype) -> int:
        return batch * (math.prod(shape) * dtype.itemsize + LENGTH)


@final
class _LastReduced(Reduced):
    """Holds the last step of the rows that have ended."""

    def __init__(self, value: Array, *, reverse: bool) -> None:
        super().__init__(len(value), reverse=reverse)
        self.value = value

    def _place(self, start: int, rows: slice, steps: int) -> tuple[int, slice]:
        """The step of a chunk that is the last of rows, and which of the rows."""
        if self.reverse:
            return 0, slice(None) if start == 0 else slice(0)
        done = self.lengths[rows] == start + steps
        return steps - 1, slice(None) if done.all() else _where(done)

    def add(self, start: int, y: Array, rows: slice) -> None:
        step, which = self._place(start, rows, len(y))
        self.value[rows][which] = y[step, which]

    def values(self) -> tuple[Array, ...]:
        return (self.value,)

    def send(self, start: int, delta: Array, rows: slice, out: Array) -> None:
        step, which = self._place(start, rows, len(out))
        out[step, which] = delta[which]

    def arrays(self) -> tuple[Array, ...]:
        return (self.lengths, self.value)


def _where(done: Array) -> slice:
    """The rows that end in a chunk: as rows are sorted, they are the last of those alive in it."""
    return slice(len(done) - int(np.count_nonzero(done)), None)
