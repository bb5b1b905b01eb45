"""The data of a source: arrays with one entry of axis 0 for each example or step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from rnnbp.checks.arrays import REAL, as_array, plain
from rnnbp.checks.kinds import Sliceable, sliceable
from rnnbp.checks.mapped import check_there
from rnnbp.numerics import Array, DtypeError, ShapeError
from rnnbp.train.ended_rows import EndedRows, Part
from rnnbp.train.file_rows import FileRows

AT_ONCE = 1 << 24
"""Bytes of an array that are read at once where all of it is needed."""


Rows: TypeAlias = Part | EndedRows
Data: TypeAlias = ArrayLike | Sliceable


def rows(
    name: str, given: object, *, axis: int = 0, axes: str = "(N, ...)", numbers: bool = False
) -> Part:
    """``given`` with its examples along axis 0: an array, or slices of a file.

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
    """x and target, of equal length along axis 0. Raises ShapeError for others.

    ``at`` follows their names in errors.
    """
    first = rows(f"{place}: x{at}", x, numbers=True)
    if target is None:
        return first, None
    name = f"{place}: target{at}"
    second = check_numbers(name, rows(name, target))
    if len(second) != len(first):
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


def part(of: Part, start: int, stop: int) -> Part:
    """Entries of axis 0 from ``start`` to ``stop``, without reading any."""
    return of.between(start, stop) if isinstance(of, FileRows) else of[start:stop]


def blocks(array: Rows) -> Iterator[Array]:
    """All of an array, some 16 MB at a time, so that a memory-mapped one is not read at once."""
    count = max(1, AT_ONCE // max(1, array.nbytes // max(1, len(array))))
    for start in range(0, len(array), count):
        check_there(array)
        yield array[start : start + count]
