"""Static inputs: one value for each sequence, the same at all of its steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from rnnbp.checks.arrays import as_array
from rnnbp.checks.kinds import is_stream
from rnnbp.graph.graph import Graph
from rnnbp.graph.masked_inputs import mask_of
from rnnbp.inputs.given import InputsLike
from rnnbp.inputs.states import check_range
from rnnbp.layers.symbols import Symbols
from rnnbp.machine.finite import first_bad
from rnnbp.numerics import Array, Dtype, DtypeError, NonFiniteError, Shape, ShapeError, readable

NAMED = {True: "integers", False: "floats"}
LEAST = 0.5
"""From here on a mask is 1, as ``Masked`` reads it."""


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


def checked_statics(
    graph: Graph,
    arrays: Mapping[int, Array],
    label: Callable[[int], str],
    symbols: Sequence[tuple[Symbols, ...]],
    dtype: Dtype,
) -> dict[int, tuple[Array, bool]]:
    """(a static input as layers read it, whether that is a copy), by number.

    A memory that attention masks may be anything where its mask is 0.

    Args:
        symbols: by input, the layers that take it as integers.

    Raises DtypeError, NonFiniteError or IndexError where values cannot be used: no mask of the loss
    leaves out a whole sequence.
    """
    found = dict[int, tuple[Array, bool]]()
    for k, array in arrays.items():
        _check_dtype(label(k), array, symbols[k], dtype)
        seen, where = array, ""
        if first_bad(array) is not None and (mask := mask_of(graph, k)) in arrays:
            assert mask is not None
            seen, where = _seen(array, arrays[mask]), f" where {label(mask)} is 1"
        for layer in symbols[k]:
            layer.check(array)
        if (at := first_bad(seen)) is not None:
            raise NonFiniteError(
                f"{label(k)} is {array[at]} at {[*map(int, at)]}; static inputs must be finite in "
                f"all sequences{where}"
            )
        check_range(label(k), seen, dtype)
        found[k] = _as_read(array, dtype)
    return found


def _check_dtype(label: str, array: Array, symbols: tuple[Symbols, ...], dtype: Dtype) -> None:
    integers = array.dtype.kind in "iu"
    if integers != bool(symbols) or (not integers and array.dtype not in (np.float32, np.float64)):
        taker = symbols[0] if symbols else "the model"
        raise DtypeError(
            f"{label} has dtype {array.dtype}, but {taker} takes {NAMED[bool(symbols)]}; use "
            f"astype({'int' if symbols else repr(str(dtype))})"
        )


def _seen(array: Array, mask: Array) -> Array:
    """A memory (B, S, ...) with 0 where its mask (B, S) is 0."""
    if mask.shape != array.shape[: mask.ndim]:
        return array  # which is an error of its own
    within = (mask >= LEAST).reshape(*mask.shape, *[1] * (array.ndim - mask.ndim))
    return np.where(within, array, array.dtype.type(0))


def _as_read(array: Array, dtype: Dtype) -> tuple[Array, bool]:
    """(a static input as layers read it, whether that is a copy)."""
    found = (
        np.array(array, np.int64, order="C") if array.dtype.kind in "iu" else readable(array, dtype)
    )
    copied = not np.may_share_memory(found, array)
    found = found.view()
    found.setflags(write=False)  # it may be the caller's own memory
    return found, copied
