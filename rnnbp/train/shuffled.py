"""Rows in shuffled batches: what sources of independent sequences and examples share."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from rnnbp.inputs.given import InputsOf
from rnnbp.numerics import Array, flag, positive_int
from rnnbp.rng import check_seed
from rnnbp.support import reprs
from rnnbp.support.ieee import apart
from rnnbp.train.by_rows import ByRows, RowsOf
from rnnbp.train.source import Batch, check_place, first_epoch
from rnnbp.wording.arguments import Named


class Shuffled(Named, ByRows):
    """Rows in batches of ``batch_size``, the last one smaller, shuffled anew in each epoch."""

    rows: int
    lengths: Array | None = None

    def __init__(self, batch_size: int, shuffle: bool, seed: int) -> None:
        place = type(self).__name__
        if not self.rows:
            raise ValueError(
                f"{place}: there are no data, x has size 0 along their axis; give at least one"
            )
        self.batch_size = positive_int(f"{place}: batch_size", batch_size)
        self.shuffle, self.seed = flag(f"{place}: shuffle", shuffle), check_seed(seed)

    @property
    def batches_per_epoch(self) -> int:
        return math.ceil(self.rows / self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        """The batches of one epoch, the first."""
        return first_epoch(self)

    def _repr(self, what: str, x: InputsOf, **arrays: object) -> str:
        """A repr: a title and the arrays."""
        order = f"shuffled in each epoch, seed {self.seed}" if self.shuffle else "in their order"
        count = reprs.counted(self.batches_per_epoch, "batch", "batches")
        batches = f"{count} of {self.batch_size:,}, {order}"
        return reprs.titled(
            self,
            what,
            batches=batches,
            **reprs.input_texts(x),
            **{k: reprs.array_text(array) for k, array in arrays.items()},
        )

    def rows_of(self, epoch: int, index: int) -> RowsOf:
        chosen, lengths = np.arange(self.rows)[self._chosen(epoch, index)], self.lengths
        return RowsOf(len(chosen), None if lengths is None else lengths[chosen])

    def part(self, epoch: int, index: int, rows: Array) -> Batch:
        """Some rows of batch ``index``, by their numbers (n,) in it: those alone are read.

        Sequences of several lengths are padded to the longest of these rows.
        """
        return self._of(np.arange(self.rows)[self._chosen(epoch, index)][rows])

    def batch(self, epoch: int, index: int) -> Batch:
        """Batch ``index`` of the epoch's order."""
        return self._of(self._chosen(epoch, index))

    @abstractmethod
    def _of(self, chosen: Array | slice) -> Batch:
        """A batch of some rows of the data."""

    def _chosen(self, epoch: int, index: int) -> Array | slice:
        """The rows of a batch: an index array, or a slice where they are not shuffled."""
        check_place(type(self).__name__, self.batches_per_epoch, epoch, index)
        span = slice(index * self.batch_size, min((index + 1) * self.batch_size, self.rows))
        return self._order(epoch)[span] if self.shuffle else span

    def _order(self, epoch: int) -> Array:
        """(N,) all rows in the order of a shuffled epoch."""
        return _permutation(self.rows, self.seed, epoch)

    def _row(self, epoch: int, index: int, row: int) -> int:
        """The number among all rows of a row of a batch."""
        return int(np.arange(self.rows)[self._chosen(epoch, index)][row])


@lru_cache(maxsize=4)
def _permutation(n: int, seed: int, epoch: int) -> Array:
    order = apart(np.random.default_rng, (seed, epoch)).permutation(n)
    order.flags.writeable = False
    return order
