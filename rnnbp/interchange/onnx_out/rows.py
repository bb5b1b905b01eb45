"""The rows of a time axis: where they end, and what is taken over their steps."""

from __future__ import annotations

from typing import final

import numpy as np

from rnnbp.graph.over_time import Last, MaxOverTime, MeanOverTime, WholeSeries
from rnnbp.graph.over_time.base import OverTime
from rnnbp.interchange.onnx_out.parts import ANY, Tensor
from rnnbp.interchange.onnx_out.shaping import reduced, spread
from rnnbp.interchange.onnx_out.writer import Writer

WHOLE = np.dtype(np.int64)


@final
class TimeRows:
    """The rows of one time axis.

    Args:
        lengths: (B,) of int64; None where all rows have all steps.
    """

    def __init__(self, to: Writer, lengths: Tensor | None) -> None:
        self.to, self.lengths = to, lengths
        self._mask: Tensor | None = None

    def mask(self, series: Tensor) -> Tensor:
        """(T, B) whether a step is there."""
        assert self.lengths is not None
        if self._mask is None:
            to, zero = self.to, self.to.constant(np.array(0, WHOLE))
            steps = self._count(series, 0)
            numbers = to.emit("Range", zero, steps, to.constant(np.array(1, WHOLE)), shape=(ANY,))
            column = to.emit("Unsqueeze", numbers, to.ints(1), shape=(ANY, 1))
            self._mask = to.emit("Less", column, self.lengths, shape=(), lead=2)
        return self._mask

    def kept(self, series: Tensor, fill: float = 0.0) -> Tensor:
        """A series with a number in the place of steps that are not there."""
        if self.lengths is None:
            return series
        mask = spread(self.to, self.mask(series), len(series.shape))
        return self.to.emit("Where", mask, series, self.to.number(fill), shape=series.shape)

    def reduced(self, block: OverTime, series: Tensor) -> list[Tensor]:
        """The static values of a series."""
        if isinstance(block, Last):
            return [self._last(series)]
        if isinstance(block, MeanOverTime):
            return [self._mean(series)]
        if isinstance(block, MaxOverTime):
            return [self._over_steps("ReduceMax", self.kept(series, -np.inf))]
        assert isinstance(block, WholeSeries)
        return self._whole(series)

    def _count(self, series: Tensor, axis: int) -> Tensor:
        """The size of a leading axis of a series, without axes."""
        sizes = self.to.emit("Shape", series, shape=(1,), lead=0, start=axis, end=axis + 1)
        return self.to.emit("Squeeze", sizes, self.to.ints(0), shape=())

    def _last(self, series: Tensor) -> Tensor:
        to, shape = self.to, series.shape
        one = to.constant(np.array(1, WHOLE))
        if self.lengths is None:
            last = to.constant(np.array(-1, WHOLE))
            return to.emit("Gather", series, last, shape=shape, lead=1, axis=0)
        zero = to.constant(np.array(0, WHOLE))
        rows = to.emit("Range", zero, self._count(series, 1), one, shape=(), lead=1)
        steps = to.emit("Sub", self.lengths, one, shape=())
        places = [to.emit("Unsqueeze", t, to.ints(1), shape=(1,)) for t in (steps, rows)]
        both = to.emit("Concat", *places, shape=(2,), axis=-1)
        return to.emit("GatherND", series, both, shape=shape, lead=1)

    def _over_steps(self, kind: str, series: Tensor) -> Tensor:
        found = reduced(self.to, kind, series, 0, series.shape, keep=False)
        return Tensor(found.name, 1, found.shape)

    def _mean(self, series: Tensor) -> Tensor:
        """Of single precision in double, as the library takes it."""
        to = self.to
        total = self._over_steps("ReduceSum", self._cast(self.kept(series), np.dtype(np.float64)))
        counts = self._count(series, 0) if self.lengths is None else self.lengths
        steps = self._cast(counts, np.dtype(np.float64))
        if self.lengths is not None:
            steps = spread(to, steps, len(series.shape))
        return self._cast(to.emit("Div", total, steps, shape=series.shape), to.dtype)

    def _cast(self, t: Tensor, dtype: np.dtype[np.generic]) -> Tensor:
        return self.to.emit("Cast", t, shape=t.shape, to=dtype)

    def _whole(self, series: Tensor) -> list[Tensor]:
        """A series as a memory (B, T, ...), and the mask (B, T)."""
        to, shape = self.to, series.shape
        order = [1, 0, *range(2, 2 + len(shape))]
        kept = self.kept(series)
        memory = to.emit("Transpose", kept, shape=(ANY, *shape), lead=1, perm=order)
        if self.lengths is None:
            sizes = to.emit("Shape", memory, shape=(2,), lead=0, start=0, end=2)
            return [memory, to.emit("Expand", to.number(1.0), sizes, shape=(ANY,), lead=1)]
        there = to.emit("Transpose", self.mask(series), shape=(ANY,), lead=1, perm=[1, 0])
        return [memory, self._cast(there, to.dtype)]
