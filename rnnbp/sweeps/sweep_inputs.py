"""What a sweep reads chunk by chunk: inputs of the network, edges, and flags of its rows."""

from __future__ import annotations

from abc import abstractmethod
from typing import final

import numpy as np

from rnnbp.inputs.held import Held
from rnnbp.numerics import Array, Dtype, Shape
from rnnbp.sweeps.chunk_rows import ChunkRows
from rnnbp.sweeps.edges import Edge


class SweepInput(Held):
    """A series in the rows, and in the direction, of a sweep: each read makes a chunk of it."""

    def __init__(self, rows: ChunkRows, shape: Shape, dtype: Dtype) -> None:
        # not Held's own, which holds an array of the caller's
        self.rows, self.steps, self.shape = rows, rows.steps, (rows.batch, *shape)
        self.dtype, self.array, self.fresh, self.mapped = dtype, None, True, False
        self._file, self._fixed = None, []

    @abstractmethod
    def chunk(self, n: int) -> Array:
        """(L, rows, ...) of chunk n."""

    def read(self, span: slice) -> Array:
        return self.chunk(span.start // self.rows.chunk)

    again = read


@final
class Gathered(SweepInput):
    """An input of the network (T, B, ...), checked.

    Args:
        x: the series.
        reverse: True to read each row from its end.
        once: True if nothing else reads it.
    """

    def __init__(self, rows: ChunkRows, x: Held, *, reverse: bool, once: bool = False) -> None:
        super().__init__(rows, x.shape[1:], x.dtype)
        self.x, self.reverse, self.once = x, reverse, once

    def chunk(self, n: int) -> Array:
        self.x.check_there()
        rows = self.rows
        start, length = n * rows.chunk, rows.length(n)
        if not rows.whole(n):
            return self._picked(n)
        if self.reverse and rows.lengths.ragged:
            return self._picked(n)
        if self.reverse:
            stop = rows.steps - start
            found = self.x.read(slice(stop - length, stop))[::-1]
        else:
            found = self.x.read(slice(start, start + length))
        order = rows.lengths.order
        live = rows.live(n)
        return found[:, :live] if order is None else found.take(order[:live], axis=1)

    def _picked(self, n: int) -> Array:
        """A chunk whose rows are at steps of their own."""
        steps = self.rows.steps_of(n, reverse=self.reverse)
        first = int(steps.min())
        block = self.x.read(slice(first, int(steps.max()) + 1))
        found: Array = block[steps - first, self.rows.sequences(n)]
        return found


@final
class EdgeInput(SweepInput):
    """An edge, read in either direction."""

    def __init__(self, edge: Edge, *, reverse: bool) -> None:
        super().__init__(edge.rows, edge.shape, edge.dtype)
        self.edge, self.reverse = edge, reverse

    @property
    def views(self) -> bool:
        return self.reverse == self.edge.reverse and not self.edge.place.disk

    def chunk(self, n: int) -> Array:
        return self.edge.read(n, reverse=self.reverse)


@final
class Alive(SweepInput):
    """(L, rows, 1) of 1, and 0 where a row has ended."""

    def __init__(self, rows: ChunkRows, dtype: Dtype) -> None:
        super().__init__(rows, (1,), dtype)

    def chunk(self, n: int) -> Array:
        return self.rows.alive(n)[..., None].astype(self.dtype)


@final
class Kept(SweepInput):
    """(L, rows, 1) of 1, and 0 at steps that begin from the initial state.

    Args:
        reset: (T, B) bool: a row begins anew at these steps. In the reverse direction what is after
            such a step ends there, and so the step before it begins anew.
    """

    def __init__(self, rows: ChunkRows, reset: Array, dtype: Dtype, *, reverse: bool) -> None:
        super().__init__(rows, (1,), dtype)
        self.reset, self.reverse = reset, reverse

    def chunk(self, n: int) -> Array:
        steps, sequences = self.rows.steps_of(n, reverse=self.reverse), self.rows.sequences(n)
        if not self.reverse:
            return (~self.reset[steps, sequences])[..., None].astype(self.dtype)
        later = np.minimum(steps + 1, len(self.reset) - 1)
        ended = self.reset[later, sequences] & (self.rows.times(n) > 0)
        kept: Array = (~ended)[..., None].astype(self.dtype)
        return kept
