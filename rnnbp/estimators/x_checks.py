"""What cannot be series of numbers: errors that say where, and the cure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeGuard

import numpy as np

from rnnbp.estimators.text_columns import check_numbers, is_table
from rnnbp.numerics import Array, shown

KINDS = (
    "X is (n, T) for series of one feature, (n, T, features), or a list of arrays or tables "
    "(T_k, features)"
)
AXES = 3
"""Of X with features."""


def is_list(given: object) -> TypeGuard[Sequence[object]]:
    """True for a list, or an array of objects, whose items are arrays or tables."""
    if isinstance(given, np.ndarray):
        if given.dtype.kind != "O" or given.ndim != 1:
            return False
    elif not isinstance(given, list | tuple):
        return False
    return len(given) > 0 and all(len(getattr(item, "shape", ())) > 0 for item in given)


def count_axes(what: str, given: object, cure: str = KINDS) -> int:
    """The axes of an array, a table, or nested lists of numbers.

    Raises TypeError for what is none of these, ValueError for text, complex numbers or lists of
    several lengths.
    """
    if given is None or isinstance(given, str | bytes | Mapping):
        raise TypeError(f"{what} is {shown(given)}; {cure}")
    if is_table(given):
        check_numbers(what, given)
        return 2
    if hasattr(given, "toarray"):  # sparse, which scikit-learn refuses
        return 2
    try:
        array = np.asarray(given)
    except ValueError as error:
        raise ValueError(
            f"{what}: lists of several lengths ({error}); make each of them an array"
        ) from None
    if array.dtype.kind == "c":
        raise ValueError(
            f"{what}: Complex data not supported; give real and imaginary parts as two features"
        )
    if array.dtype.kind in "SUMm":
        raise ValueError(
            f"{what} has dtype {array.dtype}, which are no numbers; leave text and dates out, or "
            "encode them"
        )
    return array.ndim


def check_finite(what: str, array: Array, axes: Sequence[str]) -> None:
    """Raise ValueError that says where a value is NaN or infinite."""
    if not np.isfinite(array).all():
        at = np.argwhere(~np.isfinite(array))[0]
        place = ", ".join(f"{axis} {k}" for axis, k in zip(axes, at, strict=False))
        kind = "NaN" if np.isnan(array[tuple(at)]) else "inf, infinity"
        raise ValueError(
            f"{what} contains {kind} at {place}; fill the gaps first, as by "
            "sklearn.impute.SimpleImputer or DataFrame.interpolate(), or leave the series out"
        )
