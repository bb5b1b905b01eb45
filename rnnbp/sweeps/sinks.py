"""What becomes of an output of a sweep, chunk by chunk: an edge, a reduction, y, a loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import final

import numpy as np

from rnnbp.graph.over_time.base import Reduced
from rnnbp.losses.outputs import Scalar
from rnnbp.losses.own import read_only
from rnnbp.numerics import Array, Dtype, Shape
from rnnbp.sweeps.chunk_rows import ChunkRows
from rnnbp.sweeps.edges import Edge


class Sink(ABC):
    """Takes the values of an output of a sweep, and sends back its deltas."""

    wanted: bool
    """True if values are taken when a chunk runs for the first time."""

    @abstractmethod
    def take(self, n: int, y: Array) -> None:
        """Take y (L, rows, ...) of chunk n, when it runs for the first time."""

    def delta(self, n: int, y: Array) -> tuple[Scalar, Array | None]:
        """(what chunk n adds to the loss, the delta of y; None for zeros), on the way back."""
        return 0.0, None


@final
class EdgeSink(Sink):
    """The output is an edge."""

    wanted = True

    def __init__(self, edge: Edge) -> None:
        self.edge = edge

    def take(self, n: int, y: Array) -> None:
        self.edge.write(n, y)

    def delta(self, n: int, y: Array) -> tuple[Scalar, Array | None]:
        found = self.edge.delta(n)
        return 0.0, None if found is None else read_only(found)


@final
class ReductionSink(Sink):
    """The output is reduced to static values.

    Attributes:
        deltas: of these, (B, ...) in the order of the sweep's rows, None for zeros; set before the
            way back.
    """

    wanted = True

    def __init__(self, reduced: Reduced, rows: ChunkRows) -> None:
        self.reduced, self.rows = reduced, rows
        self.deltas: Sequence[Array | None] = ()

    def take(self, n: int, y: Array) -> None:
        rows = self.rows
        alive = rows.lengths.alive(n * rows.chunk)
        self.reduced.take(n * rows.chunk, y[:, :alive], rows.lengths.sorted[:alive])

    def values(self) -> Array:
        """Return the static value that the output is reduced to, of a block of one."""
        (found,) = self.reduced.values()
        return self.rows.lengths.scattered(found)

    def delta(self, n: int, y: Array) -> tuple[Scalar, Array | None]:
        if all(delta is None for delta in self.deltas):
            return 0.0, None
        rows = self.rows
        length, alive = rows.length(n), rows.lengths.alive(n * rows.chunk)
        found = self.reduced.delta(n * rows.chunk, length, alive, self.deltas)
        if alive < rows.live(n):
            ended = np.zeros((length, rows.live(n) - alive, *found.shape[2:]), found.dtype)
            found = np.concatenate([found, ended], axis=1)
        return 0.0, found


@final
class ResultSink(Sink):
    """The output is kept for the caller.

    Args:
        output: of the network.
        steps: T of the caller's arrays.
    """

    wanted = True

    def __init__(self, rows: ChunkRows, shape: Shape, dtype: Dtype) -> None:
        self.rows = rows
        lengths = rows.lengths
        made = np.zeros if lengths.short else np.empty
        self.y: Array = made((lengths.steps, lengths.batch, *shape), dtype)
        """(T, B, ...), 0 past the end of each row."""

    def take(self, n: int, y: Array) -> None:
        put_steps(self.rows, n, y, self.y)

    def values(self) -> Array:
        """Return all that has been taken."""
        return self.y


def put_steps(rows: ChunkRows, n: int, y: Array, into: Array) -> None:
    """Put y (L, rows, ...) of chunk n of a forward sweep into an array (T, B, ...)."""
    start, length = n * rows.chunk, rows.length(n)
    sequences = rows.sequences(n)
    if not rows.whole(n):
        alive = rows.alive(n)
        steps = np.broadcast_to(rows.times(n), alive.shape)[alive]
        into[steps, np.broadcast_to(sequences, alive.shape)[alive]] = y[alive]
    elif len(sequences) == rows.batch and rows.lengths.order is None:
        into[start : start + length] = y
    else:
        into[start : start + length, sequences] = y
