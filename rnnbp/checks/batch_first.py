"""Remembers arrays that are batch-first, to warn if one is used as if it were time-first.

Only the memory of an array tells its axes: a view of it with both axes in the same order is
batch-first too, and so is the array that it is a part of; one with swapped axes is not, and nothing
is known about copies. So there are no false alarms. A source that is gone leaves no less than one
that is kept: what is remembered lives as long as the memory.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple
from weakref import ReferenceType, ref

import numpy as np

from rnnbp.numerics import Array, address
from rnnbp.support.callers import outside

LARGEST = 256
"""Steps of a mask that is checked, in some 50 microseconds."""
MOST = 16
"""Arrays that are remembered, the latest: each costs a tenth of a microsecond at every look."""


class _Layout(NamedTuple):
    """What tells whether an array has the axes of a batch-first one."""

    ndim: int
    dtype: np.dtype[np.generic]
    strides: tuple[int, ...]
    shape: tuple[int, ...]


_known: list[tuple[int, int, ReferenceType[Array], _Layout]] = []
"""Of each: where what it is a part of begins, and ends; who owns that memory; and its layout."""


def remember(array: Array) -> None:
    """Note that an array, and the one that it is a part of, has axes (batch, time, ...)."""
    whole = _whole(array)
    if whole.ndim >= 2 and min(whole.strides) > 0 and whole.strides[0] != whole.strides[1]:
        layout, start = _Layout(whole.ndim, whole.dtype, whole.strides, whole.shape), address(whole)
        place = start, start + _extent(whole), ref(_owner(array)), layout
        # of the same memory the latest word holds, as of a source built anew with batch_first=False
        others = (known for known in _known if known[:2] != place[:2])
        living = (known for known in others if known[2]() is not None)
        _known[:] = [*living, place][-MOST:]


def _owner(array: Array) -> Array:
    """The array whose memory this one is, or a part of."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _whole(array: Array) -> Array:
    """The array that this one is a part of, as X for X[:800]; itself if the axes differ."""
    base = _owner(array)
    return (
        base
        if base.ndim >= 2
        and base.size
        and base.strides[:2] == array.strides[:2]
        and _alike(array, _Layout(base.ndim, base.dtype, base.strides, base.shape))
        else array
    )


def warn_if_known(name: str, array: object) -> None:
    """Warn if an argument that should be (T, B, ...) is one of those arrays, or a part of one."""
    if isinstance(array, np.ndarray) and is_known(array):
        warnings.warn(
            f"{name} has shape {array.shape} and lies in an array that Sequences takes as "
            f"batch-first; here the axes are (T, B, ...): give {name}.swapaxes(0, 1)",
            UserWarning,
            stacklevel=outside(),
        )


def is_known(array: Array) -> bool:
    """True if it is one of those arrays, or a part of one."""
    if not _known:
        return False
    place = address(array)
    return any(
        start <= place < end and owner() is not None and _alike(array, layout)
        for start, end, owner, layout in _known
    )


def warn_if_prefixes(mask: Array) -> None:
    """Warn of a square mask (T, B) that would be a padding of several lengths if it were (B, T).

    Read as (T, B), lane 0 would count at every step, the lanes that count would always be the first
    ones, and one of them would come and go.
    """
    n = len(mask)
    if mask.dtype != np.bool_ or mask.shape != (n, n) or not 3 <= n <= LARGEST:
        return
    after, before = mask[1:], mask[:-1]
    prefixes = mask[:, 0].all() and not (mask[:, 1:] & ~mask[:, :-1]).any()
    if prefixes and ((after & ~before).any(axis=0) & (before & ~after).any(axis=0)).any():
        warnings.warn(
            f"mask of shape {mask.shape} looks as if it were (B, T), each row the length of a "
            f"sequence; here the axes are (T, B): give mask.swapaxes(0, 1)",
            UserWarning,
            stacklevel=outside(),
        )


def _alike(array: Array, known: _Layout) -> bool:
    """True for a part of ``known`` with its axes in the same order."""
    return (
        array.ndim == known.ndim
        and array.dtype == known.dtype
        and all(
            a > 0 and a % b == 0 for a, b in zip(array.strides[:2], known.strides[:2], strict=True)
        )
        and all(n <= m for n, m in zip(array.shape[:2], known.shape[:2], strict=True))
    )


def _extent(array: Array) -> int:
    """Bytes from the first element to the end of the last."""
    return (
        int(sum((n - 1) * stride for n, stride in zip(array.shape, array.strides, strict=True)))
        + array.itemsize
    )
