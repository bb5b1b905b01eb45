"""The largest element over the steps of each sequence."""

from __future__ import annotations

import math
from typing import final

import numpy as np

from rnnbp.graph.over_time.base import LENGTH, OverTime, Reduced
from rnnbp.numerics import Array, Dtype, Shape

BLOCK = 1 << 18
"""Bytes of the steps that are searched at once: NumPy copies them, and they stay in the cache."""
STEP = 8
"""Bytes of the number of a step."""
SENT = 1024
"""Elements whose deltas are sent at once, so that the numbers of their places take 40 kB at most."""


@final
class MaxOverTime(OverTime):
    """The largest of each feature over the steps of each sequence, by its true length.

    The gradient goes to the step that has it, the first of several that are equal, as that of
    PyTorch's ``max(dim=0)``; NaN where some step has one.

    Shapes: (T, B, ...) → (B, ...), static: what follows runs once for each sequence.

    >>> import rnnbp as rb
    >>> rb.MaxOverTime()(rb.GRU(3, 4)(rb.Input(3))).shape
    (4,)
    """

    def begin(
        self, batch: int, steps: int, shape: Shape, dtype: Dtype, *, reverse: bool = False
    ) -> Reduced:
        return _MaxReduced(np.full((batch, *shape), -np.inf, dtype), reverse=reverse)

    def nbytes(self, batch: int, steps: int, shape: Shape, dtype: Dtype) -> int:
        return batch * (math.prod(shape) * (dtype.itemsize + STEP) + LENGTH)

    def spare(self, length: int, rows: int, shape: Shape, dtype: Dtype) -> int:
        step = rows * math.prod(shape)
        copied = min(length, _steps(step, dtype)) * dtype.itemsize
        # NumPy's copy of a block; then the largest of each feature in it, and masks of these.
        return step * (STEP + max(copied, dtype.itemsize + 4))


@final
class _MaxReduced(Reduced):
    """Holds the largest elements so far, and the steps that have them."""

    def __init__(self, value: Array, *, reverse: bool) -> None:
        super().__init__(len(value), reverse=reverse)
        self.value, self.at = value, np.zeros(value.shape, np.int64)

    def add(self, start: int, y: Array, rows: slice) -> None:
        several = _steps(math.prod(y.shape[1:]), y.dtype)
        for first in range(0, len(y), several):
            self._block(start + first, y[first : first + several], rows)

    def _block(self, start: int, y: Array, rows: slice) -> None:
        best, at = self.value[rows], self.at[rows]
        step = _argmax(y, last=self.reverse)
        found = np.take_along_axis(y, step[None], axis=0)[0]
        # By the real part, so that complex steps take the way of real numbers.
        if self.reverse:  # a later chunk has earlier steps
            better = (found.real >= best.real) | np.isnan(found.real)
        else:
            better = (found.real > best.real) | (np.isnan(found.real) & ~np.isnan(best.real))
        np.copyto(best, found, where=better)
        step += start
        np.copyto(at, step, where=better)

    def values(self) -> tuple[Array, ...]:
        return (self.value,)

    def send(self, start: int, delta: Array, rows: slice, out: Array) -> None:
        at = self.at[rows]
        several = max(1, SENT // max(1, math.prod(at.shape[1:])))
        for first in range(0, len(at), several):
            some = slice(first, first + several)
            step = at[some] - start
            places = np.nonzero((step >= 0) & (step < len(out)))
            out[:, some][(step[places], *places)] = delta[some][places]

    def arrays(self) -> tuple[Array, ...]:
        return (self.lengths, self.value, self.at)


def _argmax(y: Array, *, last: bool) -> Array:
    """The step of the largest element, the first or last of several; a NaN is the largest."""
    if not last:
        return np.asarray(y.real.argmax(axis=0))
    step: Array = y.real[::-1].argmax(axis=0)
    return np.subtract(len(y) - 1, step, out=step)


def _steps(step: int, dtype: Dtype) -> int:
    """How many steps of ``step`` elements are searched at once."""
    return max(1, BLOCK // (max(1, step) * dtype.itemsize))
