"""The outlets of a sweep: each output goes to sinks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from rnnbp.bptt.outlets import Outlets
from rnnbp.losses.outputs import Scalar
from rnnbp.numerics import Array
from rnnbp.sweeps.sinks import Sink


@final
class SweepOutlets(Outlets):
    """The outlets of a sweep: for each output the sinks that it goes to."""

    def __init__(self, sinks: Sequence[Sequence[Sink]]) -> None:
        self.sinks = sinks
        self.wanted = tuple([any(sink.wanted for sink in each) for each in sinks])

    def take(self, n: int, ys: Sequence[Array | None]) -> None:
        for y, sinks in zip(ys, self.sinks, strict=True):
            for sink in sinks:
                if y is not None and sink.wanted:
                    sink.take(n, y)

    def deltas(self, n: int, ys: Sequence[Array]) -> tuple[Scalar, Sequence[Array | None]]:
        value: Scalar = 0.0
        found = list[Array | None]()
        for y, sinks in zip(ys, self.sinks, strict=True):
            total: Array | None = None
            for sink in sinks:
                part, delta = sink.delta(n, y)
                value = value + part
                total = delta if total is None else total if delta is None else total + delta
                del delta  # else it would be there while the next output's is made
            found.append(total)
        return value, found
