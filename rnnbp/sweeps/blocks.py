"""A series stored by blocks of chunks, in memory or in a file."""

from __future__ import annotations

from typing import NamedTuple, final

import numpy as np

from rnnbp.memory_pool import Reuse
from rnnbp.numerics import Array, Dtype, Shape
from rnnbp.storage import PathLike
from rnnbp.storage.mapped import MappedArray
from rnnbp.sweeps.chunk_rows import ChunkRows


class Place(NamedTuple):
    """Where edges are: in memory, or in files of a folder, None for the system's."""

    disk: bool = False
    folder: PathLike | None = None


IN_MEMORY = Place()


@final
class Blocks:
    """A series stored by blocks of chunks, in the direction of the sweep that writes it.

    Args:
        rows: the chunks of the axis.
        shape: the feature shape.
        dtype: of the elements.
        memory: where it is allocated.
        place: in memory or in a file.
        zeros: True to begin with zeros, for what is added to.
    """

    def __init__(
        self,
        rows: ChunkRows,
        shape: Shape,
        dtype: Dtype,
        memory: Reuse,
        place: Place = IN_MEMORY,
        *,
        zeros: bool = False,
    ) -> None:
        self.rows, self.shape, self.mapped = rows, shape, None
        whole = (rows.total, *shape)
        if place.disk:
            self.mapped = MappedArray(whole, dtype, place.folder)
            self.flat = self.mapped.array
        else:
            self.flat = memory.new(whole, dtype)
            if zeros:
                self.flat[...] = 0

    def used(self, n: int | None = None) -> None:
        """Release the memory of a chunk, or of all of it, if it is in a file."""
        if self.mapped is not None:
            starts = self.rows.starts
            self.mapped.done(*((0, starts[-1]) if n is None else (starts[n], starts[n + 1])))

    def copy(self, n: int, *, across: bool) -> Array:
        """Chunk n of a sweep in either direction; a copy of what is in a file."""
        found = self.across(n) if across else self.block(n)
        if self.mapped is not None:
            found = np.array(found, order="C")
            self.used(None if across else n)
        return found

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
        self.used(n)

    def put(self, n: int, values: Array | None) -> None:
        """Put values in the block of chunk n; None for zeros."""
        self.block(n)[...] = 0 if values is None else values
        self.used(n)

    def add_across(self, n: int, values: Array) -> None:
        """Add what belongs to chunk n of a sweep in the other direction; not what is dead."""
        mirrored = self._mirrored(n)
        if mirrored is not None:
            mirrored += values
        else:
            at, values = self._alive(n, values)
            self.flat[at] += values  # no row of a step is there twice
        self.used()

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
        self.used()

    def _alive(self, n: int, values: Array) -> tuple[Array, Array]:
        """(places, values) of the steps of chunk n that its rows have."""
        rows, at = self.rows, self.rows.across(n)
        if rows.whole(n):
            return at, values
        alive = rows.alive(n)
        return at[alive], values[alive]
