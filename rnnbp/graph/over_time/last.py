"""The last step of each sequence."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, final

import numpy as np

from rnnbp.graph.over_time.base import LENGTH, OverTime, Reduced
from rnnbp.graph.timed import Timed
from rnnbp.numerics import Array, Dtype, Shape
from rnnbp.support.callers import outside

if TYPE_CHECKING:
    from rnnbp.graph.values import Value


@final
class Last(OverTime):
    """The last step of each sequence, by its true length.

    Shapes: (T, B, ...) → (B, ...), static: what follows runs once for each sequence.

    A reverse Recurrent begins at that step, and has read nothing else there: of ``Bidirectional``
    take the mean, the largest values, or the final state of both directions, as Keras does with
    ``return_sequences=False``; a UserWarning says so.

    >>> import rnnbp as rb
    >>> model = rb.Sequential(rb.LSTM(3, 4), rb.Last(), rb.Dense(4, 5))
    >>> model
    Sequential(LSTM(3, 4), Last(), Dense(4, 5))
    """

    def check_args(self, args: Sequence[Value]) -> None:
        super().check_args(args)
        if _has_read_one_step(args[0]):
            text = (
                "Last(): the last step of a reverse direction is the first that it reads, and says "
                "nothing of the others; give MeanOverTime() or MaxOverTime(), or join the final "
                "states, as in y, (first, second) = Bidirectional(...)(x, return_state=True) and "
                "Concat(n, m)(first, second), of an LSTM first[0] and second[0]"
            )
            warnings.warn(text, UserWarning, stacklevel=outside())

    def begin(
        self, batch: int, steps: int, shape: Shape, dtype: Dtype, *, reverse: bool = False
    ) -> Reduced:
        return _LastReduced(np.zeros((batch, *shape), dtype), reverse=reverse)

    def nbytes(self, batch: int, steps: int, shape: Shape, dtype: Dtype) -> int:
        return batch * (math.prod(shape) * dtype.itemsize + LENGTH)


def _has_read_one_step(series: Value) -> bool:
    """True if a reverse Recurrent computes the series, by itself or with others."""
    left, seen = [series], set[int]()
    while left:
        value = left.pop()
        source = value.source
        if source is None or value.per != "step" or id(source) in seen:
            continue
        seen.add(id(source))
        if isinstance(source.block, Timed):
            if source.block.reverse:
                return True
        else:
            left += source.args
    return False


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
