"""The arrays of shards as they are passed: checked one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from rnnbp.checks.arrays import REAL, as_array
from rnnbp.numerics import Array, DtypeError, ShapeError, shown

NUMBERS = f"{REAL}c".replace("b", "")
"""Kinds of dtype that can be summed: no bool, whose sum would be "or"."""


def checked(values: Iterable[object], own: range) -> Iterator[Array]:
    """The arrays, in C's order, as they are read. Raises as ``tree_sum`` does."""
    if not isinstance(values, Iterable):
        raise TypeError(
            f"tree_sum: values is a list, or a generator, of arrays, found {shown(values)}; give "
            "one array for each number in parallel.own"
        )
    first: Array | None = None
    count = 0
    for count, value in enumerate(values, 1):
        if count > len(own):
            raise _miscounted(f"at least {count}", own)
        found = as_array(_name(own, count - 1), value, kinds=NUMBERS)
        array = np.asarray(found, found.dtype.newbyteorder("="), order="C")  # as all sums are
        first = array if first is None else first
        _compare(_name(own, count - 1), array, first, _name(own, 0))
        yield array
    if count < len(own):
        raise _miscounted(str(count), own)


def _name(own: range, number: int) -> str:
    return f"tree_sum: the array of shard {own[number]}"


def _miscounted(found: str, own: range) -> ValueError:
    return ValueError(
        f"tree_sum: values has {found} arrays, and this process owns {len(own)} shards; give one "
        "array for each"
    )


def _compare(name: str, array: Array, first: Array, name_of_first: str) -> None:
    if array.shape != first.shape:
        raise ShapeError(
            f"{name} has shape {array.shape}, and {name_of_first.partition(': ')[2]} "
            f"{first.shape}; give arrays of one shape"
        )
    if array.dtype != first.dtype:
        raise DtypeError(
            f"{name} has dtype {array.dtype}, and {name_of_first.partition(': ')[2]} "
            f"{first.dtype}; give arrays of one dtype"
        )
