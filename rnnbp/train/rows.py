"""The data of a source, one entry of axis 0 for each example or step: in memory, mapped, or read
from a file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.checks.arrays import REAL, Sliceable, as_array, as_read, plain, sliceable
from rnnbp.checks.mapped import check_there
from rnnbp.numerics import Array, DtypeError, Shape, ShapeError

WHOLE = 1 << 28
"""Bytes up to which a digest takes all of an array; of a larger one it takes a sample."""
BLOCK, SAMPLES = 1 << 20, 64
"""Bytes of a part of the sample, and the number of parts, evenly spaced from the first bytes to the
last."""
AT_ONCE = 1 << 24
"""Bytes of an array that are read at once where all of it is needed."""


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
        self.dtype: np.dtype[Any] = np.dtype(source.dtype)

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


Rows: TypeAlias = Array | FileRows
Data: TypeAlias = ArrayLike | Sliceable


def rows(
    name: str, given: object, *, axis: int = 0, axes: str = "(N, ...)", numbers: bool = False
) -> Rows:
    """``given`` with its examples along axis 0: an array, or an object that reads slices from a
    file.

    Args:
        axis: where the examples are now, 0 or 1.
        axes: the axes of the result, for errors.
        numbers: True if its dtype must be real numbers.

    Raises as ``as_array`` does.
    """
    if isinstance(given, FileRows):
        return given
    if sliceable(given) and not isinstance(given, np.ndarray):
        if numbers and np.dtype(given.dtype).kind not in REAL:
            raise DtypeError(
                f"{name} is read as {given.dtype}, which are no numbers; give floats or integers"
            )
        least = axis + 1
        if len(given.shape) < least:
            raise ShapeError(
                f"{name} must have axes {axes}, found shape {given.shape}; add the missing one"
            )
        return FileRows(name, given, axis)
    array = as_array(name, given) if numbers else plain(name, given)
    if array.ndim <= axis:
        raise ShapeError(
            f"{name} has shape {array.shape}, expected axes {axes}; add the missing one"
        )
    return array.swapaxes(0, axis)


def same_length(place: str, x: object, target: object, at: str = "") -> tuple[Rows, Rows | None]:
    """x and target, of equal length along axis 0. Raises ShapeError otherwise; ``at`` follows their
    names.
    """
    first = rows(f"{place}: x{at}", x, numbers=True)
    second = (
        None
        if target is None
        else check_numbers(f"{place}: target{at}", rows(f"{place}: target{at}", target))
    )
    if second is not None and len(second) != len(first):
        raise ShapeError(
            f"{place}: target{at} has shape {second.shape}, x{at} {first.shape}; axis 0 must be "
            "there and agree"
        )
    return first, second


def check_numbers(name: str, found: Rows) -> Rows:
    """Return a target. Raises DtypeError for texts, as labels by their names."""
    texts = found.dtype.kind in "UST"
    if found.dtype.kind == "O" and isinstance(found, np.ndarray):
        texts = any(isinstance(value, (str, bytes)) for value in found.reshape(-1)[:1])
    if texts:
        raise DtypeError(
            f"{name} holds texts, found dtype {found.dtype}; number them, as by "
            f"names, target = np.unique(labels, return_inverse=True)"
        )
    return found


def part(of: Rows, start: int, stop: int) -> Rows:
    """Entries of axis 0 from ``start`` to ``stop``, without reading any."""
    return of.between(start, stop) if isinstance(of, FileRows) else of[start:stop]


def blocks(array: Rows) -> Iterator[Array]:
    """All of an array, some 16 MB at a time, so that a memory-mapped one is not read at once."""
    count = max(1, AT_ONCE // max(1, array.nbytes // max(1, len(array))))
    for start in range(0, len(array), count):
        check_there(array)
        yield array[start : start + count]


def digest(how: tuple[object, ...], *arrays: Rows | None) -> str:
    """A digest of a source's options and its data.

    An array of up to 256 MB counts with all its bytes. Of a larger one, which may take minutes to
    read, shape, dtype and 64 evenly spaced MB count, the first and the last among them: a change
    elsewhere is not noticed.
    """
    found = hashlib.sha256(repr(how).encode())
    for array in arrays:
        add_to(found, array)
    return found.hexdigest()


def add_to(found: hashlib._Hash, array: Rows | None) -> None:
    """Add dtype, shape and values of an array, or its absence, to a digest."""
    found.update(b"none" if array is None else f"{array.dtype.str}{array.shape}".encode())
    for block in () if array is None else sampled(array):
        check_there(block)
        found.update(np.ascontiguousarray(block).reshape(-1).view(np.uint8).data)


def sampled(array: Rows) -> Iterator[Array]:
    """The part of an array that a digest covers: all of it, or the sample of a large one."""
    if array.nbytes <= WHOLE:
        yield from blocks(array)
        return
    row = max(1, array.nbytes // len(array))
    count = min(len(array), max(1, BLOCK // row))
    for start in _spaced(len(array), count, SAMPLES):
        if row <= BLOCK or array.ndim == 1:
            yield array[start : start + count]
        else:
            yield from _of_row(array, start, row)


def _of_row(array: Rows, start: int, row: int) -> Iterator[Array]:
    """A sample of one row that is itself large."""
    size = array.shape[1]
    count = min(size, max(1, BLOCK // max(1, row // size)))
    for first in _spaced(size, count, max(1, SAMPLES // min(SAMPLES, len(array)))):
        span, within = slice(start, start + 1), slice(first, first + count)
        yield array.read(span, within) if isinstance(array, FileRows) else array[span, within]


def _spaced(size: int, count: int, samples: int) -> list[int]:
    """Where samples of ``count`` of ``size`` entries begin: the first at 0, the last at the end."""
    return sorted({int(at) for at in np.linspace(0, size - count, max(2, samples))})
