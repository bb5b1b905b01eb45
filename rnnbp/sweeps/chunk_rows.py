"""Which rows run in each chunk of a sweep, at which steps of theirs, and how blocks of them lie."""

from __future__ import annotations

import math
from typing import final

import numpy as np

from rnnbp.inputs.rows import Rows
from rnnbp.numerics import Array
from rnnbp.support.lazy import cached_property
from rnnbp.sweeps.lengths import Lengths


@final
class ChunkRows:
    """The chunks of the sweeps over one axis: those of both directions have the same rows.

    A chunk runs the rows that are alive at its first step, the first ones of the sorted rows.
    Within it some may end: what is at a step after its row's end is called dead. Blocks (L, rows)
    of the chunks lie one after the other.

    Args:
        lengths: of the rows.
        chunk: steps in a chunk; the last may be shorter.
    """

    def __init__(self, lengths: Lengths, chunk: int) -> None:
        self.lengths, self.chunk = lengths, min(chunk, lengths.longest)
        self.steps, self.batch = lengths.longest, lengths.batch
        self.chunks = math.ceil(self.steps / self.chunk)

    @cached_property
    def starts(self) -> list[int]:
        """Where the block of each chunk begins, in rows of steps; at the end where the last ends."""
        sizes = [self.length(n) * self.live(n) for n in range(self.chunks)]
        return [0, *np.cumsum(sizes).tolist()]

    @property
    def total(self) -> int:
        """Rows of steps of all blocks."""
        return self.starts[-1]

    def length(self, n: int) -> int:
        """Steps in chunk n."""
        return min((n + 1) * self.chunk, self.steps) - n * self.chunk

    @property
    def rows(self) -> Rows | None:
        """Which rows run in each chunk; None where all do."""
        return self.lengths.rows

    def live(self, n: int) -> int:
        """The rows that run in chunk n."""
        rows = self.rows
        return self.batch if rows is None else rows.live(n * self.chunk)

    def whole(self, n: int) -> bool:
        """True if no row of chunk n ends before its last step."""
        last = min((n + 1) * self.chunk, self.steps)
        return int(self.lengths.sorted[self.live(n) - 1]) >= last

    def ends(self, n: int) -> Array:
        """(rows,) the steps of chunk n that each of its rows has."""
        found: Array = self.lengths.sorted[: self.live(n)] - n * self.chunk
        return np.minimum(found, self.length(n))

    def times(self, n: int) -> Array:
        """(L, 1) the sweep times of chunk n."""
        start = n * self.chunk
        return np.arange(start, start + self.length(n))[:, None]

    def alive(self, n: int) -> Array:
        """(L, rows) True where a row of chunk n has not ended."""
        found: Array = self.times(n) < self.lengths.sorted[: self.live(n)]
        return found

    def steps_of(self, n: int, *, reverse: bool) -> Array:
        """(L, rows) the steps of chunk n, in forward time.

        A dead step is the row's last one in the direction of the sweep, so that what is computed of
        it is of values that the model is made for, and not of zeros.
        """
        ends = self.lengths.sorted[: self.live(n)]
        times = self.times(n)
        found: Array = np.maximum(ends - 1 - times, 0) if reverse else np.minimum(times, ends - 1)
        return found

    def sequences(self, n: int) -> Array:
        """(rows,) the sequences, as they were passed, that run in chunk n."""
        order = self.lengths.order
        found: Array = np.arange(self.live(n)) if order is None else order[: self.live(n)]
        return found

    def across(self, n: int) -> Array:
        """(L, rows) where the values of the steps of chunk n lie in blocks of the other direction.

        Sweep time τ of one direction is len − 1 − τ of the other, whichever of the two is forward.
        """
        times = self.steps_of(n, reverse=True)
        chunks = times // self.chunk
        starts = np.asarray(self.starts)[chunks]
        widths = np.asarray([self.live(k) for k in range(self.chunks)])[chunks]
        found: Array = starts + (times - chunks * self.chunk) * widths
        found += np.arange(self.live(n))
        return found
