"""Arrays in files, of which slices are read: one entry of axis 0 for each example or step."""

from __future__ import annotations

from itertools import pairwise
from typing import final

import numpy as np

from rnnbp.checks.arrays import as_read
from rnnbp.checks.kinds import Sliceable
from rnnbp.numerics import Array, Dtype, Shape, ShapeError


@final
class FileRows:
    """An array of h5py, zarr or a similar library, of which slices in ascending order are read.

    Args:
        name: of the argument.
        source: the array in the file.
        axis: 0, or 1 if its first two axes are swapped: axis 0 of what is read is this axis of the
            source.
        start, stop: the part of that axis; all of it by default.
    """

    def __init__(
        self, name: str, source: Sliceable, axis: int = 0, start: int = 0, stop: int | None = None
    ) -> None:
        self.name, self.source, self.axis, self.start = name, source, axis, start
        shape = tuple(int(n) for n in source.shape)
        whole = (shape[1], shape[0], *shape[2:]) if axis else shape
        self.shape: Shape = ((whole[0] if stop is None else stop) - start, *whole[1:])
        self.dtype: Dtype = np.dtype(source.dtype)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        return int(np.prod(self.shape, dtype=np.float64)) * self.dtype.itemsize

    def between(self, start: int, stop: int) -> FileRows:
        """A part of axis 0; nothing is read."""
        return FileRows(self.name, self.source, self.axis, self.start + start, self.start + stop)

    def __getitem__(self, chosen: slice | Array) -> Array:
        """Entries of axis 0, by a slice or by an index array (B,): a new array.

        Raises ShapeError for slices that are not what the whole was said to be.
        """
        if isinstance(chosen, slice):
            start, stop, _ = chosen.indices(len(self))
            return self.read(slice(start, stop))
        order = np.argsort(chosen, kind="stable")
        ascending, found = chosen[order], np.empty((len(chosen), *self.shape[1:]), self.dtype)
        cuts = [0, *(np.flatnonzero(np.diff(ascending) != 1) + 1).tolist(), len(ascending)]
        for first, end in pairwise(cuts):  # rows that follow one another are read at once
            found[order[first:end]] = self.read(
                slice(int(ascending[first]), int(ascending[end - 1]) + 1)
            )
        return found

    def read(self, span: slice, within: slice | None = None) -> Array:
        """Entries of axis 0, and of axis 1 those ``within``."""
        part = slice(self.start + span.start, self.start + span.stop)
        size = self.shape[1] if self.ndim > 1 else 0
        within = slice(0, size) if within is None else within
        where = (within, part) if self.axis else (part, within)[: min(self.ndim, 2)]
        array = as_read(self.name, self.source[where])
        array = array.swapaxes(0, 1) if self.axis else array
        rest = (within.stop - within.start, *self.shape[2:])[: self.ndim - 1]
        if (
            array.shape != (expected := (span.stop - span.start, *rest))
            or array.dtype != self.dtype
        ):
            raise ShapeError(
                f"{self.name}: entries {span.start} to {span.stop} were read as {array.dtype} of "
                f"shape {array.shape}, expected {self.dtype} of shape {expected}; repair what "
                "reads the slices"
            )
        return array
