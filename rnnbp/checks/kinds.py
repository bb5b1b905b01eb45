"""What kind of data a user has passed: an array, slices of a file, a stream, a masked array."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, TypeGuard, runtime_checkable

import numpy as np

DEEPEST = 64
"""Axes that NumPy can have: lists that are nested deeper are not arrays."""


@runtime_checkable
class Sliceable(Protocol):
    """The interface that arrays of h5py, zarr and NumPy share: slices are read on access."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> Any: ...  # Any: of NumPy, or of the file's library

    # Any: a slice, and the array of another library, which NumPy converts.
    def __getitem__(self, span: Any, /) -> Any: ...


def sliceable(given: object) -> TypeGuard[Sliceable]:
    """True if it has axes and a NumPy dtype, and its slices are arrays, as of h5py and zarr."""
    if isinstance(given, np.ndarray):
        return given.ndim > 0 and not isinstance(given, np.ma.MaskedArray)
    if (
        isinstance(given, np.generic)
        or not isinstance(given, Sliceable)
        or is_sparse(given)
        or _labelled(given)
    ):
        return False
    try:
        return len(given.shape) > 0 and isinstance(np.dtype(given.dtype), np.dtype)
    except (TypeError, AttributeError):  # a dtype of a different library
        return False


def is_stream(given: object) -> TypeGuard[Iterable[object]]:
    """True if it can only be iterated: it has no length and no shape."""
    return (
        not isinstance(given, type)
        and hasattr(given, "__iter__")
        and not hasattr(given, "__len__")
        and not hasattr(given, "shape")
    )


def is_masked(given: object) -> bool:
    """True for a masked array, or a list with one in it, however deep."""
    return isinstance(given, np.ma.MaskedArray) or (
        isinstance(given, list | tuple)
        and any(isinstance(part, np.ma.MaskedArray) for part in parts(given))
    )


def parts(nest: list[object] | tuple[object, ...], depth: int = 0) -> Iterator[object]:
    for part in nest if depth < DEEPEST else ():
        if isinstance(part, list | tuple):
            yield from parts(part, depth + 1)
        else:
            yield part


def is_sparse(given: object) -> bool:
    """True for matrices and arrays of scipy.sparse, and those made after them."""
    return hasattr(given, "toarray") and hasattr(given, "nnz")


def _labelled(given: object) -> bool:
    """True for pandas' Series and frames: indexing them looks up labels, not positions."""
    return hasattr(given, "iloc")
