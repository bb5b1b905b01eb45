"""Checks of numbers, flags, dtypes and sizes that a caller passes."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from rnnbp.numerics.aliases import Dtype
from rnnbp.numerics.errors import DtypeError
from rnnbp.numerics.text import shown


def float_dtype(dtype: npt.DTypeLike) -> Dtype:
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
    """``value`` as a finite float within bounds; ``cure`` ends the sentence of errors.

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
