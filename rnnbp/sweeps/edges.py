"""Series that one sweep hands to others, and their gradients on the way back."""

from __future__ import annotations

from typing import final

import numpy as np

from rnnbp.ledger import Ledger
from rnnbp.numerics import Array, Dtype, Shape
from rnnbp.sweeps.chunk_rows import ChunkRows


@final
class Blocks:
    """A series stored by blocks of chunks, in the direction of the sweep that writes it.

    Args:
        rows: the chunks of the axis.
        shape: the feature shape.
        dtype: of the elements.
        zeros: True to begin with zeros, for what is added to.
    """

    def __init__(self, rows: ChunkRows, shape: Shape, dtype: Dtype, *, zeros: bool = False) -> None:
        self.rows, self.shape = rows, shape
        self.flat: Array = (np.zeros if zeros else np.empty)((rows.total, *shape), dtype)

    def block(self, n: int) -> Array:
        """(L, rows, ...) of chunk n, a view."""
        rows = self.rows
        start, stop = rows.starts[n], rows.starts[n + 1]
        return self.flat[start:stop].reshape(rows.length(n), rows.live(n), *self.shape)

    def across(self, n: int) -> Array:
        """(L, rows, ...) of chunk n of a sweep in the other direction: a copy, or a view."""
        mirrored = self._mirrored(n)
        return self.flat[self.rows.across(n)] if mirrored is None else mirrored

    def _mirrored(self, n: int) -> Array | None:
        """``across`` as a view, where all rows are as long."""
        rows = self.rows
        if rows.lengths.ragged:
            return None
        stop = rows.steps - n * rows.chunk
        steps = self.flat.reshape(rows.steps, rows.batch, *self.shape)
        return steps[stop - rows.length(n) : stop][::-1]

    def add(self, n: int, values: Array) -> None:
        """Add to the block of chunk n."""
        block = self.block(n)
        block += values

    def add_across(self, n: int, values: Array) -> None:
        """Add what belongs to chunk n of a sweep in the other direction; not what is dead."""
        mirrored = self._mirrored(n)
        if mirrored is not None:
            mirrored += values
            return
        at, values = self._alive(n, values)
        self.flat[at] += values  # no row of a step is there twice

    def put_across(self, n: int, values: Array | None) -> None:
        """Put what belongs to chunk n of a sweep in the other direction; None for zeros."""
        mirrored = self._mirrored(n)
        if mirrored is not None:
            mirrored[...] = 0 if values is None else values
        elif values is None:
            at = self.rows.across(n)
            self.flat[at if self.rows.whole(n) else at[self.rows.alive(n)]] = 0
        else:
            at, values = self._alive(n, values)
            self.flat[at] = values

    def _alive(self, n: int, values: Array) -> tuple[Array, Array]:
        """(places, values) of the steps of chunk n that its rows have."""
        rows, at = self.rows, self.rows.across(n)
        if rows.whole(n):
            return at, values
        alive = rows.alive(n)
        return at[alive], values[alive]


@final
class Edge:
    """A series between sweeps.

    Args:
        rows: the chunks of its axis.
        reverse: True if the sweep that writes it runs in the reverse direction.
        once: True if it is read by one input alone: its deltas then take the place of its values,
            because those of a chunk are read no more once that has gone backward.
        ledger: counts what it holds.
    """

    def __init__(
        self,
        rows: ChunkRows,
        shape: Shape,
        dtype: Dtype,
        ledger: Ledger,
        *,
        reverse: bool,
        once: bool,
    ) -> None:
        self.rows, self.shape, self.dtype = rows, shape, dtype
        self.reverse, self.once, self.ledger = reverse, once, ledger
        self.values: Blocks | None = self._blocks(zeros=False)
        self.deltas: Blocks | None = None

    def _blocks(self, *, zeros: bool) -> Blocks:
        found = Blocks(self.rows, self.shape, self.dtype, zeros=zeros)
        self.ledger.hold("edge", found.flat)
        return found

    def write(self, n: int, y: Array) -> None:
        """Store y (L, rows, ...) of chunk n of the sweep that computes it."""
        assert self.values is not None
        self.values.block(n)[...] = y

    def read(self, n: int, *, reverse: bool) -> Array:
        """(L, rows, ...) of chunk n of a sweep in either direction."""
        assert self.values is not None
        return self.values.block(n) if reverse == self.reverse else self.values.across(n)

    def add(self, n: int, dx: Array | None, *, reverse: bool) -> None:
        """Add the delta of what ``read`` returned; None for zeros."""
        if self.once:
            self._replace(n, dx, across=reverse != self.reverse)
            return
        if dx is None:
            return
        if self.deltas is None:
            self.deltas = self._blocks(zeros=True)
        if reverse == self.reverse:
            self.deltas.add(n, dx)
        else:
            self.deltas.add_across(n, dx)

    def _replace(self, n: int, dx: Array | None, *, across: bool) -> None:
        """Put a delta in the place of the values."""
        assert self.values is not None
        self.deltas = self.values
        if across:
            self.values.put_across(n, dx)
        else:
            self.values.block(n)[...] = 0 if dx is None else dx

    def delta(self, n: int) -> Array | None:
        """(L, rows, ...) the delta of chunk n, for the sweep that computed it; None for zeros."""
        if self.deltas is None:
            return None
        found, rows = self.deltas.block(n), self.rows
        if not self.once or rows.whole(n):
            return found
        alive = rows.alive(n).reshape(*found.shape[:2], *[1] * len(self.shape))
        return np.where(alive, found, found.dtype.type(0))  # values are left where rows have ended

    def read_by_all(self) -> None:
        """Release the values, which are read no more."""
        if self.values is not None and self.values is not self.deltas:
            self.ledger.release(self.values.flat)
        self.values = None

    def close(self) -> None:
        """Release the deltas too, which the sweep that computed it has taken."""
        self.read_by_all()
        if self.deltas is not None:
            self.ledger.release(self.deltas.flat)
        self.deltas = None
