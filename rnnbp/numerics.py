"""Array types, the errors of shapes and dtypes, and shared numerical functions."""

from __future__ import annotations

import ctypes
import math
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from rnnbp.support.ieee import within
from rnnbp.support.printing import as_text

Array: TypeAlias = npt.NDArray[Any]
Dtype: TypeAlias = np.dtype[Any]
"""Any: most code is for arrays of every dtype; where that matters it is checked at run time."""
Shape: TypeAlias = tuple[int, ...]
Saved: TypeAlias = tuple[Array, ...]
"""What a layer keeps of a forward pass: arrays whose leading axes are the batch axes."""
Nest: TypeAlias = "Array | Sequence[Nest] | Mapping[int, Nest] | None"
"""Arrays in tuples, lists and dicts."""


class ShapeError(ValueError):
    """An array whose shape does not fit; names the place, the axis, expected, found, the cure."""


class NonFiniteError(ValueError):
    """NaN, infinity, or a number beyond the dtype, in data that count."""


class DtypeError(TypeError):
    """An array whose dtype does not fit."""


class StorageError(ValueError):
    """A file that cannot be written, or that is not as it was written.

    Characters of a message that would control a terminal are escaped: names in it may come from a
    file.
    """

    def __init__(self, message: str) -> None:
        super().__init__(escaped(message))


def float_dtype(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """The dtype for parameters: float32 or float64. Raises DtypeError for others, and for None."""
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if found is None or dtype is None:  # NumPy takes None for float64
        raise DtypeError(f"dtype {shown(dtype)} is not known; use 'float32' or 'float64'")
    if found not in (np.float32, np.float64):
        raise DtypeError(
            f"parameters are float32 or float64, found dtype {found}; use 'float32' or 'float64'"
        )
    return found


def positive_int(name: str, value: object) -> int:
    """``value`` as an int ≥ 1. Raises TypeError for other types, ValueError below 1."""
    return whole_number(name, value, least=1)


def whole_number(name: str, value: object, *, least: int) -> int:
    """``value`` as an int ≥ ``least``. Raises TypeError for other types, ValueError below it."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(
            f"{name} must be an integer, found {shown(value)}; give a whole number from {least}"
        )
    if value < least:
        raise ValueError(f"{name} must be at least {least}, found {value}")
    return int(value)


def real_number(
    name: str,
    value: object,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    cure: str = "",
) -> float:
    """``value`` as a finite float, at least ``least``, above ``above``, below ``below``; ``cure``
    ends the sentence.

    Raises TypeError unless it is a real number, ValueError for one out of range, NaN or infinite.
    """
    number = value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value
    low = f"[{least}" if least > above else f"({above}"
    must, cure = f"lie in {low}, {below})", f"; {cure}" if cure else ""
    if isinstance(number, bool) or not isinstance(number, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name} must be a number and {must}, found {shown(value)}{cure}")
    try:
        real = float(number)
    except OverflowError:  # an integer of more than 308 digits
        real = math.inf
    if not (least <= real and above < real < below):
        raise ValueError(f"{name} must {must}, found {shown(number)}{cure}")
    return real


def flag(name: str, value: object) -> bool:
    """``value`` as a bool. Raises TypeError for anything else: "no" would count as true."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, found {shown(value)}")
    return bool(value)


def optional_flag(name: str, value: bool | None) -> bool | None:
    """``flag``, or None."""
    return None if value is None else flag(name, value)


def check_x_shape(caller: str, x_shape: object) -> None:
    """Raise TypeError unless it is None or a tuple of sizes."""
    if x_shape is None:
        return
    if not (
        isinstance(x_shape, tuple | list)
        and all(type(n) is int or isinstance(n, np.integer) for n in x_shape)
    ):
        raise TypeError(
            f"{caller}: x_shape must be a tuple of sizes, found {shown(x_shape)}; write as (n_in,)"
        )


def cast(array: Array, dtype: np.dtype[Any], owner: object, what: str) -> Array:
    """``array`` in ``dtype``. Raises NonFiniteError for a finite number beyond it."""
    if array.dtype == dtype:
        return array
    try:
        return within(np.errstate(all="ignore", over="raise"), array.astype, dtype, copy=False)
    except FloatingPointError:
        at = np.unravel_index(
            np.argmax(np.where(np.isfinite(array), np.abs(array), 0)), array.shape
        )
        raise NonFiniteError(
            f"{owner}: {what} has {array[at]} at {[int(i) for i in at]}, beyond {dtype}; "
            f"scale it, or build the model in float64"
        ) from None


def shown(value: object) -> str:
    """``value`` in one short line, for an error."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    line = " ".join(as_text(value).split())
    return line if len(line) <= 80 else f"{line[:60]}…, of type {type(value).__name__}"


def escaped(text: str, most: int | None = None) -> str:
    """``text``, cut after ``most`` characters, with escapes for unprintable ones."""
    kept = text if most is None or len(text) <= most else f"{text[:most]}…"
    return (
        kept
        if kept.isprintable()
        else "".join(c if c.isprintable() else repr(c)[1:-1] for c in kept)
    )


def require_features(layer: object, x: Array, expected: Shape, what: str = "input") -> None:
    """Raise ShapeError unless the last axes of ``x`` are ``expected``; the others are batch."""
    n = len(expected)
    found = x.shape[x.ndim - n :] if x.ndim >= n else x.shape
    if found != expected:
        raise ShapeError(mismatch(layer, expected, x.shape, what))


def mismatch(layer: object, expected: Shape, found: Sequence[int], what: str = "input") -> str:
    """The error for features that do not fit; names the first axis from the end that differs."""
    n = len(expected)
    if len(found) < n:
        return (
            f"{layer}: {what} needs at least {n} feature axes {expected}, found shape "
            f"{tuple(found)}; give it shape (..., {', '.join(map(str, expected))})"
        )
    axis = next((-k for k in range(1, n + 1) if found[-k] != expected[-k]), None)
    if axis is None:
        return (
            f"{layer}: {what} must have feature shape {expected}, found {tuple(found)}, "
            f"{len(found) - n} axes more; leave them to the batch, or put a Reshape before it"
        )
    return (
        f"{layer}: {what} axis {axis} must have size {expected[axis]}, found {found[axis]} "
        f"in shape {tuple(found)}; give it shape (..., {', '.join(map(str, expected))}), "
        f"or build the layer for the size found"
    )


FEW = 10**4
"""Numbers whose squares BLAS sums in a third of the time that other looks at them take."""


def first_bad(x: Array) -> tuple[int, ...] | None:
    """The index of the first value of ``x`` that is NaN or infinite; None if all are finite."""
    if x.dtype.kind not in "fc":
        return None
    if (
        x.dtype.char in "fd"
        and x.size <= FEW
        and x.flags.c_contiguous
        and math.isfinite(np.vdot(x, x))
    ):
        return None  # most of all: no sum of squares of what is not finite is
    parts = (x.real, x.imag) if x.dtype.kind == "c" else (x,)
    if all(
        within(np.errstate(over="ignore", invalid="ignore"), _is_finite, part) for part in parts
    ):
        return None
    return tuple([int(i) for i in np.argwhere(~np.isfinite(x))[0]])


def _is_finite(x: Array) -> bool:
    """True if all of ``x`` is, without an array of its size.

    A finite sum says so; where it has overflowed, minimum and maximum pass NaN on.
    """
    return bool(
        x.size == 0 or np.isfinite(x.sum()) or (np.isfinite(x.min()) and np.isfinite(x.max()))
    )


def lies(array: Array) -> bool:
    """True if an array has the layout that machine code reads: C order, aligned."""
    flags = array.flags
    return flags.c_contiguous and flags.aligned


def distinct(array: Array) -> Array:
    """A view without repetitions: axes of stride 0, as from broadcasting, have size 1."""
    if 0 not in array.strides:
        return array
    return array[tuple([slice(1) if stride == 0 else slice(None) for stride in array.strides])]


def readable(array: Array, dtype: np.dtype[Any]) -> Array:
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


def fix_sizes(arrays: Sequence[Array]) -> list[weakref.ref[Array]]:
    """Weak references that prevent NumPy from resizing these arrays while they live.

    So no thread can free memory that a different one reads, not even by ``resize`` with
    ``refcheck=False``. A view has no memory of its own, and cannot be resized: the array that it is
    a view of is held instead.
    """
    found = []
    for array in arrays:
        while isinstance(base := array.base, np.ndarray):
            array = base
        found.append(weakref.ref(array))
    return found


def sigmoid(x: Array) -> Array:
    """σ(x) = 1 / (1 + e⁻ˣ): accurate to the last digit at both ends, and analytic for complex x."""
    if x.dtype.kind == "c":
        above = positive(x)
        small = np.exp(np.where(above, -x, x))
        return np.asarray(np.where(above, 1, small) / (1 + small))
    return within(
        np.errstate(over="ignore", under="ignore"), _real_sigmoid, x
    )  # e⁻ˣ is infinite where σ is 0


def _real_sigmoid(x: Array) -> Array:
    found: Array = np.asarray(np.negative(x))
    np.exp(found, out=found)
    found += 1
    np.divide(1, found, out=found)
    return found


def reused(x: Array, *others: Array) -> Array | None:
    """``x`` as the ``out`` of a ufunc of ``x`` and ``others``; None if that would change the
    result's dtype.

    So layers need the same number of temporary arrays at all sizes: NumPy itself reuses only those
    above 256 KiB.
    """
    floats = isinstance(x, np.ndarray) and x.dtype.kind in "fc"
    return x if floats and x.dtype == np.result_type(x, *others) else None


def at_most_zero(x: Array) -> Array:
    """True where the real part is at most zero; False for NaN, so that it propagates."""
    below: Array = x.real <= 0
    return below


def positive(x: Array) -> Array:
    """True where the real part is above zero: the branch that a complex step must not change."""
    above: Array = x.real > 0
    return above


TOGETHER = 2**14
"""Numbers per pass of ``flush``: its temporary arrays are too small for the ledger."""


def flush(x: Array) -> None:
    """Replace subnormal numbers, with which many processors take ten times as long, by 0."""
    flat, tiny = x.reshape(-1), np.finfo(x.dtype).tiny
    for start in range(0, flat.size, TOGETHER):
        part = flat[start : start + TOGETHER]
        part[np.abs(part) < tiny] = 0
