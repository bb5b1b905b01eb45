"""Sequences of different lengths in one batch: which rows are alive in a chunk, and which end."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from rnnbp.numerics import Array
from rnnbp.support.lazy import cached_property


@final
@dataclass(frozen=True, eq=False)
class Rows:
    """The lengths of the rows of a batch, the longest first: rows that are alive come first.

    Args:
        lengths: (B,) int64, descending, each at least 1; the first is T.
    """

    lengths: Array

    @property
    def batch(self) -> int:
        """B."""
        return len(self.lengths)

    @property
    def steps(self) -> int:
        """T, the most steps of a row."""
        return int(self.lengths[0])

    @cached_property
    def total(self) -> int:
        """The steps of all rows together."""
        return int(self.lengths.sum())

    @cached_property
    def _ascending(self) -> list[int]:
        # A list: a look-up in an array would take several times as long, once for each chunk.
        found: list[int] = (-self.lengths).tolist()
        return found

    def live(self, start: int) -> int:
        """The rows that have a step ``start``: those of a chunk that begins there."""
        return bisect_left(self._ascending, -start)

    def alive_at(self, start: int, length: int, dtype: npt.DTypeLike = bool) -> Array:
        """(length, rows): 1 at the steps of a chunk that its live rows have, 0 past their ends."""
        steps = np.arange(start, start + length)[:, None]
        return (steps < self.lengths[: self.live(start)]).astype(dtype, copy=False)

    def ends(self, start: int, length: int) -> slice:
        """The rows whose last step is in a chunk, which are the last of its live rows."""
        return slice(self.live(start + length), self.live(start))

    def whole(self, start: int, length: int) -> bool:
        """True if no row ends before the last step of a chunk, which is the shorter at the end."""
        return self.live(min(start + length, self.steps) - 1) == self.live(start)

    def counts(self, chunk: int) -> list[int]:
        """The live rows of each chunk of ``chunk`` steps."""
        return [self.live(start) for start in range(0, self.steps, chunk)]

    def run(self, chunk: int) -> int:
        """Steps of rows that are run in chunks of ``chunk`` steps, those past an end among them."""
        lengths = (min(chunk, self.steps - start) for start in range(0, self.steps, chunk))
        return sum(n * rows for n, rows in zip(lengths, self.counts(chunk), strict=True))
