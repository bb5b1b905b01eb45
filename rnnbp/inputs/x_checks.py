"""What x must be, whatever the model: its dtype, its axes, its values."""

from __future__ import annotations

import math

import numpy as np

from rnnbp.inputs.held import Held
from rnnbp.inputs.padded import OF_PADDING
from rnnbp.inputs.series import Series, counted_from
from rnnbp.inputs.states import check_range
from rnnbp.layers.symbols import Symbols
from rnnbp.machine.finite import first_bad
from rnnbp.numerics import (
    Array,
    Dtype,
    DtypeError,
    NonFiniteError,
    ShapeError,
    distinct,
)

MOST = 2**44
"""Elements of x, which strides of 0 may repeat: 2⁴⁷ bytes in float64, the most of a process."""


def check_axes(x: Series, symbols: tuple[Symbols, ...], name: str = "x") -> None:
    """Raise for an x whose dtype or shape cannot be used, whatever its values."""
    shape = (x.steps, *x.shape) if isinstance(x, Held) else ("steps", *x.shape)
    if x.dtype.kind not in "iu" and x.dtype not in (np.float32, np.float64):
        raise DtypeError(
            f"{name} has dtype {x.dtype}; use x.astype('float32'), 'float64', or integers for an "
            "Embedding"
        )
    if len(shape) < 2:
        raise ShapeError(
            f"{name} needs axes (T, B, ...), found shape {shape}; for one sequence use x[:, None], "
            "of one feature x[:, None, None]; for one step of one sequence x[None, None]"
        )
    for axis, meaning in enumerate(("T, the steps", "B, the batch")):
        if shape[axis] == 0:
            where = f"{name} axis {axis} ({meaning})"
            raise ShapeError(f"{where} has size 0 in shape {shape}; give at least 1")
    if isinstance(x, Held) and math.prod((x.steps, *x.shape)) > MOST:
        raise ShapeError(
            f"{name} has shape {shape}, more elements than memory has addresses for; give a stream, or "
            "parts"
        )
    if symbols and x.dtype.kind not in "iu":
        raise DtypeError(
            f"{name} has dtype {x.dtype}, but {symbols[0]} takes integers; use x.astype(int)"
        )
    if not symbols and x.dtype.kind in "iu":
        raise DtypeError(
            f"{name} has dtype {x.dtype}, but the model takes floats; use x.astype('float32') or an "
            "Embedding"
        )


def check_values(
    name: str, symbols: tuple[Symbols, ...], dtype: Dtype, x: Array, start: int
) -> None:
    """Raise for steps of x, from ``start`` on, not finite, not symbols, or beyond the dtype."""
    x = distinct(x)
    for layer in symbols:
        with counted_from(start):
            layer.check(x)
    if (at := first_bad(x)) is not None:
        where = [start + at[0], *at[1:]]
        raise NonFiniteError(
            f"{name} is {x[at]} at {where}; inputs must be finite. For gaps write known = "
            "np.isfinite(x); x = np.concatenate([np.where(known, x, 0), ~known], axis=-1), as in "
            f"help('rnnbp.missing'){OF_PADDING}"
        )
    check_range(name, x, dtype, start)


def unusable_steps(symbols: tuple[Symbols, ...], dtype: Dtype, x: Array) -> Array:
    """(L, B): the steps of x, (L, B, ...), that ``check_values`` refuses."""
    bad = np.zeros(x.shape, np.bool_)
    for layer in symbols:
        np.logical_or(bad, (x < 0) | (x >= layer.n_symbols), out=bad)
    if x.dtype.kind == "f":
        np.logical_not(np.abs(x) <= np.finfo(dtype).max, out=bad)  # NaN is none of these
    found: Array = bad.reshape(*x.shape[:2], -1).max(axis=-1)
    return found
