"""Where the deltas of a sweep's inputs go: gradients by inputs of the network, and edges."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from rnnbp.bptt.outlets import InputDeltas
from rnnbp.numerics import Array
from rnnbp.sweeps.chunk_rows import ChunkRows
from rnnbp.sweeps.edges import Edge


@final
class EdgeDeltas(InputDeltas):
    """Adds to the gradient of an edge."""

    def __init__(self, edge: Edge, *, reverse: bool) -> None:
        self.edge, self.reverse = edge, reverse

    def take(self, n: int, dx: Array | None) -> None:
        self.edge.add(n, dx, reverse=self.reverse)


@final
class SeriesDeltas(InputDeltas):
    """Adds to the gradient by an input of the network.

    Args:
        rows: the chunks of the sweep.
        into: returns the array, (T, B, ...).
        reverse: True if the sweep reads the input in the reverse direction.
    """

    def __init__(self, rows: ChunkRows, into: Callable[[], Array], *, reverse: bool) -> None:
        self.rows, self.into, self.reverse = rows, into, reverse

    def take(self, n: int, dx: Array | None) -> None:
        if dx is None:
            return
        rows = self.rows
        if self.reverse and rows.lengths.ragged:
            self._add_at_steps(n, dx)
            return
        start, stop = n * rows.chunk, n * rows.chunk + rows.length(n)
        if self.reverse:
            start, stop, dx = rows.steps - stop, rows.steps - start, dx[::-1]
        block, sequences = self.into()[start:stop], rows.sequences(n)
        full = rows.lengths.alive(stop - 1)
        if full == rows.batch and rows.lengths.order is None:
            block += dx
        else:
            block[:, sequences[:full]] += dx[:, :full]
        for r in range(full, len(sequences)):  # those that end in the chunk
            end = int(rows.lengths.sorted[r]) - start
            block[:end, sequences[r]] += dx[:end, r]

    def _add_at_steps(self, n: int, dx: Array) -> None:
        """Add a chunk whose rows are at steps of their own: row by row, without copies."""
        rows, into, start = self.rows, self.into(), n * self.rows.chunk
        for r, sequence in enumerate(rows.sequences(n).tolist()):
            stop = int(rows.lengths.sorted[r]) - start
            first = max(0, stop - len(dx))
            part = into[first:stop, sequence]
            part += dx[: stop - first, r][::-1]
