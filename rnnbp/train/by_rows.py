"""Sources that read some rows of a batch alone, so that a process reads its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple, Protocol

from rnnbp.numerics import Array
from rnnbp.train.source import Batch


class Check(Protocol):
    """Raises BudgetError for a batch that does not fit."""

    def __call__(self, batch: Batch, *, weightless: bool) -> None: ...


class RowsOf(NamedTuple):
    """What is known of the rows of a batch before any is read.

    Attributes:
        number: B.
        lengths: (B,) their steps, where they are sequences of several lengths, else None.
    """

    number: int
    lengths: Array | None


class ByRows(ABC):
    """A source of batches whose rows can be read alone."""

    @abstractmethod
    def rows_of(self, epoch: int, index: int) -> RowsOf:
        """The number of rows of a batch, and their lengths; nothing is read."""

    @abstractmethod
    def part(self, epoch: int, index: int, rows: Array) -> Batch:
        """Some rows of a batch, by their numbers (n,) in it, n > 0: no others are read.

        Sequences of several lengths are padded to the longest of these rows.
        """
