"""Static inputs: one value for each sequence, the same at all of its steps."""

from __future__ import annotations

import numpy as np

from rnnbp.checks.arrays import as_array
from rnnbp.checks.kinds import is_stream
from rnnbp.inputs.given import InputsLike
from rnnbp.inputs.states import check_range
from rnnbp.layers.symbols import Symbols
from rnnbp.machine.finite import first_bad
from rnnbp.numerics import Array, Dtype, DtypeError, NonFiniteError, Shape, ShapeError, readable

NAMED = {True: "integers", False: "floats"}


def static_input(label: str, given: InputsLike, batch: int, stated: Shape | None) -> Array:
    """A static input as an array (B, ...), whose values are not looked at.

    Args:
        label: its name in errors.
        batch: B of the series.
        stated: the feature shape that the model takes, None if it does not say.

    Raises ShapeError for other axes, TypeError for a stream.
    """
    if is_stream(given):
        raise TypeError(
            f"{label} is static (per='sequence') and found a stream; give the array (B, ...), a "
            "value for each sequence"
        )
    array = as_array(label, given, axes="(B, ...)")
    expected = (batch, *("..." if stated is None else stated))
    fits = array.shape[:1] == (batch,) and stated in (None, array.shape[1:])
    if not fits:
        raise ShapeError(
            f"{label} is static (per='sequence'): expected (B, ...) = ({_listed(*expected)}), "
            f"found shape {array.shape}{_cure(array.shape, batch, stated)}"
        )
    return array


def _listed(*sizes: object) -> str:
    return ", ".join(map(str, sizes)) + "," * (len(sizes) == 1)


def _cure(shape: Shape, batch: int, stated: Shape | None) -> str:
    """What to do about a static input of a wrong shape."""
    if shape[1:2] == (batch,) and stated in (None, shape[2:]):
        return (
            ", which is (T, B, ...); give the value of one step, as s[0], or make its Input "
            "per='step' if it changes from step to step"
        )
    if stated is not None and shape[1:] == stated:
        return f", of {shape[0]} sequences, and the series have B = {batch}; give one for each"
    return "; give a value for each sequence, along axis 0"


def checked_static(
    label: str, array: Array, symbols: tuple[Symbols, ...], dtype: Dtype
) -> tuple[Array, bool]:
    """(a static input as layers read it, whether that is a copy).

    Raises DtypeError, NonFiniteError or IndexError where its values cannot be used: no mask leaves
    out a whole sequence.
    """
    integers = array.dtype.kind in "iu"
    if integers != bool(symbols) or (not integers and array.dtype not in (np.float32, np.float64)):
        taker = symbols[0] if symbols else "the model"
        raise DtypeError(
            f"{label} has dtype {array.dtype}, but {taker} takes {NAMED[bool(symbols)]}; use "
            f"astype({'int' if symbols else repr(str(dtype))})"
        )
    for layer in symbols:
        layer.check(array)
    if (at := first_bad(array)) is not None:
        raise NonFiniteError(
            f"{label} is {array[at]} at {[*map(int, at)]}; static inputs must be finite in all "
            "sequences"
        )
    check_range(label, array, dtype)
    found = np.array(array, np.int64, order="C") if integers else readable(array, dtype)
    copied = not np.may_share_memory(found, array)
    found = found.view()
    found.setflags(write=False)  # it may be the caller's own memory
    return found, copied
