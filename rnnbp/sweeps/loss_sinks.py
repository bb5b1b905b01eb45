"""Losses of the outputs of sweeps."""

from __future__ import annotations

from typing import final

from rnnbp.compensated import Total
from rnnbp.losses.outputs import Scalar
from rnnbp.numerics import Array, Dtype
from rnnbp.sweeps.chunk_rows import ChunkRows
from rnnbp.sweeps.output_losses import Output
from rnnbp.sweeps.sinks import ResultSink, Sink


@final
class LossSink(Sink):
    """A loss of the output, taken when its chunks go backward.

    One that takes the outputs of all steps at once sees them before the way back.
    """

    def __init__(self, output: Output, rows: ChunkRows, dtype: Dtype) -> None:
        self.losses, self.factor, self.total = output.losses(rows), output.factor, Total()
        whole = self.losses.loss.whole
        self.kept = ResultSink(rows, output.shape, dtype) if whole else None
        self.wanted = whole

    def take(self, n: int, y: Array) -> None:
        if self.kept is not None:
            self.kept.take(n, y)

    def see_all(self) -> None:
        """The first pass has ended."""
        if self.kept is not None:
            self.losses.see_all(self.kept.y)
            self.kept = None

    def delta(self, n: int, y: Array) -> tuple[Scalar, Array | None]:
        value, dy = self.losses(y, n)
        self.total.add(value)
        return self.factor * value, times(dy, self.factor)


@final
class ValueSink(Sink):
    """A loss of the output, whose value alone is taken, on the first pass."""

    wanted = True

    def __init__(self, output: Output, rows: ChunkRows, dtype: Dtype) -> None:
        self.losses, self.total = output.losses(rows), Total()
        whole = self.losses.loss.whole
        self.kept = ResultSink(rows, output.shape, dtype) if whole else None

    def take(self, n: int, y: Array) -> None:
        self.losses.show(y, n)
        if self.kept is None:
            self.total.add(self.losses.value(y, n))
        else:
            self.kept.take(n, y)

    def value(self) -> Scalar:
        """Return the loss, once the first pass has ended."""
        if self.kept is not None:
            return self.losses.value_of_all(self.kept.y)
        return self.total.value


def times(dy: Array, factor: float) -> Array:
    """A delta times a number."""
    return dy if factor == 1 else dy * dy.real.dtype.type(factor)
