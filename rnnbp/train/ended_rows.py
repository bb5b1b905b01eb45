"""Sequences that end at steps of their own: lists of arrays, and padded arrays with lengths."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TypeAlias, final

import numpy as np

from rnnbp.checks.mapped import check_there
from rnnbp.numerics import Array, Dtype, Shape
from rnnbp.train.file_rows import FileRows
from rnnbp.train.joined_rows import JoinedRows

Part: TypeAlias = Array | FileRows | JoinedRows
"""An array, slices of a file, or several of these one after the other."""


class EndedRows(ABC):
    """A series of N sequences, (T_k, ...) each, that is read as (B, T, ...), 0 past each end.

    T is that of the longest sequence that is read.

    Attributes:
        lengths: (N,) int64, the steps of each sequence.
        shape: (N, the most steps, ...).
        dtype: of what is read.
    """

    lengths: Array
    shape: Shape
    dtype: Dtype

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all sequences, padded."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def step_bytes(self) -> int:
        """Bytes of a step of a sequence."""
        return math.prod(self.shape[2:]) * self.dtype.itemsize

    def __getitem__(self, chosen: slice | Array) -> Array:
        """Sequences by a slice or an index array (B,): a new array (B, T, ...)."""
        numbers = np.arange(len(self))[chosen]
        steps = int(self.lengths[numbers].max(initial=0))
        return self._padded(numbers, slice(0, steps))

    def sequence(self, n: int, start: int, stop: int) -> Array:
        """Steps of sequence ``n``."""
        found: Array = self._padded(np.array([n]), slice(start, stop))[0]
        return found

    @abstractmethod
    def _padded(self, numbers: Array, steps: slice) -> Array:
        """(B, steps, ...): 0 past the end of each sequence."""

    @abstractmethod
    def parts(self) -> tuple[Part, ...]:
        """The arrays that hold the sequences."""


@final
class ListRows(EndedRows):
    """A list of arrays (T_k, ...) that have the same features.

    Args:
        items: of one kind of dtype; they are not copied.
    """

    def __init__(self, items: tuple[Part, ...]) -> None:
        self.items = items
        self.lengths = np.array([len(item) for item in items], np.int64)
        self.shape = (len(items), int(self.lengths.max()), *items[0].shape[1:])
        self.dtype = np.result_type(*{item.dtype for item in items})

    def _padded(self, numbers: Array, steps: slice) -> Array:
        found = np.zeros((len(numbers), steps.stop - steps.start, *self.shape[2:]), self.dtype)
        for row, n in enumerate(numbers.tolist()):
            item, end = self.items[n], min(steps.stop, int(self.lengths[n]))
            check_there(item)
            if end > steps.start:
                found[row, : end - steps.start] = item[steps.start : end]
        return found

    def parts(self) -> tuple[Part, ...]:
        return self.items


@final
class PaddedRows(EndedRows):
    """An array (N, T, ...) that holds anything past the end of each sequence.

    Args:
        array: not copied.
        lengths: (N,) int64.
    """

    def __init__(self, array: Part, lengths: Array) -> None:
        self.array, self.lengths = array, lengths
        self.shape, self.dtype = tuple(array.shape), np.dtype(array.dtype)

    def _padded(self, numbers: Array, steps: slice) -> Array:
        check_there(self.array)
        read = self.array[numbers][:, steps]
        known = np.arange(steps.start, steps.stop) < self.lengths[numbers][:, None]
        found: Array = np.zeros(read.shape, read.dtype)
        found[known] = read[known]
        return found

    def parts(self) -> tuple[Part, ...]:
        return (self.array,)
