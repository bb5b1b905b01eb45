"""Series that one sweep hands to others, and their gradients on the way back."""

from __future__ import annotations

from typing import final

import numpy as np

from rnnbp.ledger import Ledger
from rnnbp.memory_pool import Reuse
from rnnbp.numerics import Array, Dtype, Shape
from rnnbp.sweeps.blocks import Blocks, Place
from rnnbp.sweeps.chunk_rows import ChunkRows


@final
class Edge:
    """A series between sweeps.

    Args:
        rows: the chunks of its axis.
        reverse: True if the sweep that writes it runs in the reverse direction.
        once: True if it is read by one input alone: its deltas then take the place of its values,
            because those of a chunk are read no more once that has gone backward.
        reached: True if deltas come to it.
        ledger: counts what it holds in memory, from ``open`` on.
        memory: where it is allocated.
        place: in memory or in a file.
    """

    def __init__(
        self,
        rows: ChunkRows,
        shape: Shape,
        dtype: Dtype,
        ledger: Ledger,
        memory: Reuse,
        place: Place,
        *,
        reverse: bool,
        once: bool,
        reached: bool = True,
    ) -> None:
        self.rows, self.shape, self.dtype = rows, shape, dtype
        self.reverse, self.once, self.reached = reverse, once, reached
        self.ledger, self.memory, self.place = ledger, memory, place
        self.values: Blocks | None = None
        self.deltas: Blocks | None = None

    def open(self) -> None:
        """Allocate the values."""
        self.values = self._blocks(zeros=False)

    def turn(self) -> None:
        """Allocate the deltas, before the first sweep on the way back that reads it."""
        if self.reached and self.deltas is None:
            self.deltas = self.values if self.once else self._blocks(zeros=True)

    def _blocks(self, *, zeros: bool) -> Blocks:
        found = Blocks(self.rows, self.shape, self.dtype, self.memory, self.place, zeros=zeros)
        if not self.place.disk:
            self.ledger.hold("edge", found.flat)
        return found

    def _release(self, blocks: Blocks) -> None:
        if not self.place.disk:
            self.ledger.release(blocks.flat)

    def write(self, n: int, y: Array) -> None:
        """Store y (L, rows, ...) of chunk n of the sweep that computes it."""
        assert self.values is not None
        self.values.put(n, y)

    def read(self, n: int, *, reverse: bool) -> Array:
        """(L, rows, ...) of chunk n of a sweep in either direction."""
        assert self.values is not None
        return self.values.copy(n, across=reverse != self.reverse)

    def add(self, n: int, dx: Array | None, *, reverse: bool) -> None:
        """Add the delta of what ``read`` returned; None for zeros."""
        deltas, across = self.deltas, reverse != self.reverse
        if deltas is None:
            return
        if self.once and across:
            deltas.put_across(n, dx)
        elif self.once:
            deltas.put(n, dx)
        elif dx is not None and across:
            deltas.add_across(n, dx)
        elif dx is not None:
            deltas.add(n, dx)

    def delta(self, n: int) -> Array | None:
        """(L, rows, ...) the delta of chunk n, for the sweep that computed it; None for zeros."""
        if self.deltas is None:
            return None
        found, rows = self.deltas.copy(n, across=False), self.rows
        if not self.once or rows.whole(n):
            return found
        # values are left where rows have ended
        alive = rows.alive(n).reshape(*found.shape[:2], *[1] * len(self.shape))
        if not self.place.disk:
            return np.where(alive, found, found.dtype.type(0))
        np.copyto(found, 0, where=~alive)  # it is a copy already
        return found

    def read_by_all(self) -> None:
        """Release the values, which are read no more."""
        if self.values is not None and self.values is not self.deltas:
            self._release(self.values)
        self.values = None

    def close(self) -> None:
        """Release the deltas too, which the sweep that computed it has taken."""
        self.read_by_all()
        if self.deltas is not None:
            self._release(self.deltas)
        self.deltas = None
