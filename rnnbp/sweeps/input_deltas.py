"""Where the deltas of a sweep's inputs go: gradients by inputs of the network, and edges."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, final

import numpy as np

from rnnbp.bptt.outlets import InputDeltas
from rnnbp.numerics import Array
from rnnbp.sweeps.chunk_rows import ChunkRows
from rnnbp.sweeps.edges import Edge

At: TypeAlias = tuple[slice | Array | int, ...]
"""Where in an array."""


@final
class EdgeDeltas(InputDeltas):
    """Adds to the gradient of an edge."""

    def __init__(self, edge: Edge, *, reverse: bool) -> None:
        self.edge, self.reverse = edge, reverse

    def take(self, n: int, dx: Array | None) -> None:
        self.edge.add(n, dx, reverse=self.reverse)


@final
class SeriesDeltas(InputDeltas):
    """Adds to the gradient by an input of the network, or writes it.

    Args:
        rows: the chunks of the sweep.
        into: returns the array, (T, B, ...).
        reverse: True if the sweep reads the input in the reverse direction.
        once: True if nothing else adds to the gradient, whose values do not matter then.
    """

    def __init__(
        self, rows: ChunkRows, into: Callable[[], Array], *, reverse: bool, once: bool = False
    ) -> None:
        self.rows, self.into, self.reverse, self.once = rows, into, reverse, once

    def take(self, n: int, dx: Array | None) -> None:
        rows = self.rows
        if dx is None:
            if not self.once:
                return
            like = self.into()
            dx = np.zeros((rows.length(n), rows.live(n), *like.shape[2:]), like.dtype)
        if self.reverse and rows.lengths.ragged:
            self._add_at_steps(n, dx)
            return
        start, stop = n * rows.chunk, n * rows.chunk + rows.length(n)
        if self.reverse:
            start, stop, dx = rows.steps - stop, rows.steps - start, dx[::-1]
        block, sequences = self.into()[start:stop], rows.sequences(n)
        full = rows.lengths.alive(stop - 1)
        if full == rows.batch and rows.lengths.order is None:
            self._put(block, (slice(None),), dx)
        else:
            self._put(block, (slice(None), sequences[:full]), dx[:, :full])
        for r in range(full, len(sequences)):  # those that end in the chunk
            end = int(rows.lengths.sorted[r]) - start
            self._put(block, (slice(end), sequences[r]), dx[:end, r])

    def _put(self, into: Array, at: At, dx: Array) -> None:
        """Add to a part of an array, or write it."""
        if self.once:
            into[at] = dx
        else:
            into[at] += dx

    def _add_at_steps(self, n: int, dx: Array) -> None:
        """Add a chunk whose rows are at steps of their own: row by row, without copies."""
        rows, into, start = self.rows, self.into(), n * self.rows.chunk
        for r, sequence in enumerate(rows.sequences(n).tolist()):
            stop = int(rows.lengths.sorted[r]) - start
            first = max(0, stop - len(dx))
            self._put(into, (slice(first, stop), sequence), dx[: stop - first, r][::-1])
