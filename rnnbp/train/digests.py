"""Digests of the data of a source, and the sample that they cover of a large array."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from rnnbp.checks.mapped import check_there
from rnnbp.numerics import Array
from rnnbp.train.ended_rows import EndedRows
from rnnbp.train.file_rows import FileRows
from rnnbp.train.joined_rows import JoinedRows
from rnnbp.train.rows import AT_ONCE, Rows, blocks

WHOLE = 1 << 28
"""Bytes up to which a digest takes all of an array; of a larger one it takes a sample."""
BLOCK, SAMPLES = 1 << 20, 64
"""Bytes of a part of the sample, and the number of parts, spaced evenly over the array."""


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
    if isinstance(array, EndedRows):
        found.update(array.lengths.tobytes())
    for block in () if array is None else sampled(array):
        check_there(block)
        found.update(np.ascontiguousarray(block).reshape(-1).view(np.uint8).data)


def sampled(array: Rows) -> Iterator[Array]:
    """The part of an array that a digest covers: all of it, or the sample of a large one."""
    if isinstance(array, EndedRows):
        yield from _of_sequences(array)
        return
    if isinstance(array, JoinedRows):
        for part in array.parts:
            yield from sampled(part)
        return
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


def _of_sequences(array: EndedRows) -> Iterator[Array]:
    """All of each sequence up to its end, or of many bytes the beginnings of some."""
    step = max(1, array.step_bytes)
    if int(array.lengths.sum()) * step > WHOLE:
        for n in _spaced(len(array), 1, SAMPLES):
            yield array.sequence(n, 0, min(int(array.lengths[n]), max(1, BLOCK // step)))
        return
    count = max(1, AT_ONCE // step)
    for n, length in enumerate(array.lengths.tolist()):
        for start in range(0, length, count):
            yield array.sequence(n, start, min(start + count, length))


def _of_row(array: Array | FileRows, start: int, row: int) -> Iterator[Array]:
    """A sample of one row that is itself large."""
    size = array.shape[1]
    count = min(size, max(1, BLOCK // max(1, row // size)))
    for first in _spaced(size, count, max(1, SAMPLES // min(SAMPLES, len(array)))):
        span, within = slice(start, start + 1), slice(first, first + count)
        yield array.read(span, within) if isinstance(array, FileRows) else array[span, within]


def _spaced(size: int, count: int, samples: int) -> list[int]:
    """Where samples of ``count`` of ``size`` entries begin: the first at 0, the last at the end."""
    return sorted({int(at) for at in np.linspace(0, size - count, max(2, samples))})
