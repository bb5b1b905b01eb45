"""Where an array lies in memory: its address, its order, and that it stays there."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from weakref import ref

import numpy as np
from numpy import ndarray

from rnnbp.numerics.aliases import Array, Dtype


def lies(array: Array) -> bool:
    """True if an array has the layout that machine code reads: C order, aligned."""
    flags = array.flags
    return flags.c_contiguous and flags.aligned


def distinct(array: Array) -> Array:
    """A view without repetitions: axes of stride 0, as from broadcasting, have size 1."""
    if 0 not in array.strides:
        return array
    return array[tuple([slice(1) if stride == 0 else slice(None) for stride in array.strides])]


def readable(array: Array, dtype: Dtype) -> Array:
    """``array`` as machine code reads it, in C order and aligned; a copy only if needed."""
    found = np.ascontiguousarray(array, dtype)
    return found if found.flags.aligned else found.copy()


_HEAD = object.__basicsize__
"""Bytes of an object's head; an array's next is the pointer to its data (NumPy's C API)."""

_pointer = ctypes.c_void_p.from_address
"""Takes an eighth of the time of ``__array_interface__``."""


def address(array: Array | None) -> int:
    """The address of an array's first byte; 0 for None."""
    return 0 if array is None else _pointer(id(array) + _HEAD).value or 0


def fix_sizes(arrays: Sequence[Array]) -> list[ref[Array]]:
    """Weak references that prevent NumPy from resizing these arrays while they live.

    So no thread can free memory that a different one reads, not even by ``resize`` with
    ``refcheck=False``. A view has no memory of its own, and cannot be resized: the array that it is
    a view of is held instead.
    """
    found = []
    for array in arrays:
        while (base := array.base) is not None and isinstance(base, ndarray):
            array = base
        found.append(ref(array))
    return found
