"""The one entry for arrays that a user passes: what makes no sense is refused, with the cure."""

from __future__ import annotations

import numpy as np

from rnnbp.checks.kinds import is_masked, is_sparse, parts
from rnnbp.checks.mapped import check_there
from rnnbp.checks.ragged import of_one_length, of_several_lengths
from rnnbp.numerics import Array, DtypeError, ShapeError, shown

CONVERT = "convert it, as with np.asarray(..., 'float32')"
PAD = (
    "pad them to one length and give lengths=, or give Sequences a list of arrays, or iter(...) for "
    "a stream where one is taken"
)
REAL = "biuf"
"""Kinds of dtype that are real numbers: bool, signed, unsigned, floats."""


def as_array(name: str, given: object, *, kinds: str = REAL, axes: str = "") -> Array:
    """``given`` as a plain array, without a copy if it is one already.

    Lists, tuples, buffers, and objects with ``__array__`` are accepted: pandas' numeric frames,
    tensors in CPU memory.

    Args:
        name: of the argument, the first words of errors.
        kinds: of the dtypes that are allowed, as ``np.dtype.kind``.
        axes: its axes, as "(T, B, ...)", for one that must have an axis; "" if it may be 0-d.

    Raises ShapeError for ragged lists and missing axes, DtypeError for anything but an array of
    numbers, a masked array or a sparse matrix.
    """
    array = plain(name, given)
    if array.dtype.kind not in kinds:
        raise DtypeError(f"{name}: {_found(given, array)}; {_cure(name, array, kinds)}")
    if axes and array.ndim == 0:
        raise ShapeError(
            f"{name} needs axes {axes}, found {shown(given)}; give an array, or a stream where one "
            f"is taken{_of_a_step(name, axes)}"
        )
    return array


def plain(name: str, given: object, owner: object = None) -> Array:
    """``as_array`` for any dtype and any number of axes, which the caller checks.

    Args:
        owner: a loss or layer that errors name; its repr is computed only for an error.

    Raises StorageError for a mapped file that was cut short: reading it would end the process.
    """
    if type(given) is np.ndarray:
        if given.base is not None:
            check_there(given)
        return given
    return _converted(name if owner is None else f"{owner}: {name}", given)


def as_read(name: str, found: object) -> Array:
    """A slice that was read from a file, as a plain array. Raises as ``as_array`` does."""
    if isinstance(found, np.ma.MaskedArray) and not np.ma.is_masked(found):
        found = found.data  # netCDF4 returns these for everything
    return plain(name, found)


def _converted(name: str, given: object) -> Array:
    if is_masked(given):
        raise DtypeError(
            f"{name} is a masked array, whose mask would be lost; give its data, and weights as "
            "mask="
        )
    for part in parts(given) if isinstance(given, list | tuple) else (given,):
        check_there(part)
    if is_sparse(given):
        raise DtypeError(
            f"{name} is a sparse {type(given).__name__}; give {name.split()[-1]}.toarray()"
        )
    try:
        return np.asarray(given)
    except ValueError as error:
        padded = of_several_lengths(name, given) if isinstance(given, list | tuple) else ""
        raise ShapeError(f"{name} has parts of inhomogeneous shape; {padded or PAD}") from error
    except (TypeError, RuntimeError, OverflowError, RecursionError) as error:
        # as of a tensor that requires grad
        raise DtypeError(f"{name}: {shown(given)} cannot be read as an array: {error}") from error


def _found(given: object, array: Array) -> str:
    """The argument that was passed, in a few words."""
    if isinstance(given, np.ndarray):
        return (
            f"an array of dtype {array.dtype} and shape {array.shape} is no array of numbers here"
        )
    return f"{shown(given)} is no array of numbers"


def _of_a_step(name: str, axes: str) -> str:
    """How a number is a series of one step; "" where there is no such series."""
    if axes != "(T, B, ...)":
        return ""
    return f"; one step of one sequence of one feature is np.reshape({name}, (1, 1, 1))"


def _cure(name: str, array: Array, kinds: str) -> str:
    """What to do about a dtype that is refused."""
    kind = array.dtype.kind
    if kind == "c":
        return "take .real, or its two parts as two features"
    if kind == "O" and array.ndim == 0:
        return "give an array or a list of numbers, or iter(...) where a stream is taken"
    if kind == "O" and array.ndim == 1:
        joined = of_several_lengths(name, array) or of_one_length(name, array)
        return joined or f"{CONVERT}; sequences of several lengths are padded, with a mask"
    if kind == "O":
        return CONVERT
    if kind in "US":
        return "number its symbols from 0; for the bytes of a text np.frombuffer(data, np.uint8)"
    if kind in "mM":
        return "convert times to floats, as differences over a unit"
    if kind == "V":
        return "choose a field, or stack them as features"
    return (
        "use an integer dtype, as with .astype(int)"
        if "f" not in kinds
        else "use floats, as with .astype('float32')"
    )
