"""A series as a whole, for what looks at all of its steps at once."""

from __future__ import annotations

import math
from typing import ClassVar, final

import numpy as np

from rnnbp.graph.over_time.base import LENGTH, OverTime, Reduced
from rnnbp.graph.values import Per
from rnnbp.numerics import Array, Dtype, Shape


@final
class WholeSeries(OverTime):
    """A series as a static memory, and which of its steps are there.

    Shapes: (T, B, ...) → memory (B, T, ...), 0 past the end of a sequence, and mask (B, T), 1 for a
    step that is there and 0 for others. In a network their feature shapes, (T, ...) and (T,), are
    not known before a run.

    >>> import rnnbp as rb
    >>> memory, mask = rb.WholeSeries()(rb.GRU(3, 4)(rb.Input(3, axis="source")))
    >>> memory.per, mask.per
    ('sequence', 'sequence')
    """

    n_outputs = 2
    out_pers: ClassVar[tuple[Per, ...]] = ("sequence", "sequence")

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        return (None, None)

    def begin(
        self, batch: int, steps: int, shape: Shape, dtype: Dtype, *, reverse: bool = False
    ) -> Reduced:
        return _WholeReduced(np.zeros((batch, steps, *shape), dtype), reverse=reverse)

    def nbytes(self, batch: int, steps: int, shape: Shape, dtype: Dtype) -> int:
        return batch * (steps * (math.prod(shape) + 1) * dtype.itemsize + LENGTH)


@final
class _WholeReduced(Reduced):
    """Holds memory and mask."""

    def __init__(self, memory: Array, *, reverse: bool) -> None:
        super().__init__(len(memory), reverse=reverse)
        self.memory, self.mask = memory, np.zeros(memory.shape[:2], memory.dtype)

    def add(self, start: int, y: Array, rows: slice) -> None:
        if not self.reverse:
            self.memory[rows, start : start + len(y)] = y.swapaxes(0, 1)
            self.mask[rows, start : start + len(y)] = 1
            return
        for k, row in enumerate(range(rows.start, rows.stop)):
            steps = self._turned(row, start, len(y))
            self.memory[row, steps] = y[::-1, k]
            self.mask[row, steps] = 1

    def values(self) -> tuple[Array, ...]:
        return (self.memory, self.mask)

    def send(self, start: int, delta: Array, rows: slice, out: Array) -> None:
        if not self.reverse:
            out[...] = delta[:, start : start + len(out)].swapaxes(0, 1)
            return
        for k, row in enumerate(range(rows.start, rows.stop)):
            out[::-1, k] = delta[k, self._turned(row, start, len(out))]

    def _turned(self, row: int, start: int, length: int) -> slice:
        """The steps of a row, in its own order, that are those of a chunk of the reverse one."""
        end = int(self.lengths[row]) - start
        return slice(end - length, end)

    def features(self, delta: Array) -> Shape:
        return delta.shape[2:]

    def arrays(self) -> tuple[Array, ...]:
        return (self.lengths, self.memory, self.mask)
