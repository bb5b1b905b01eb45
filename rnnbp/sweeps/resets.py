"""The steps at which rows begin anew, as they are passed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rnnbp.checks.arrays import as_array
from rnnbp.numerics import Array, DtypeError, ShapeError


def resets_by_axis(given: object, steps: Mapping[str, int], batch: int) -> dict[str, Array]:
    """By axis, the flags (T, B). Raises for what is none."""
    if given is None:
        return {}
    if not isinstance(given, dict) and len(steps) > 1:
        listed = ", ".join(map(repr, steps))
        raise TypeError(
            f"reset is one array, and the model has the time axes {listed}; give a dict by axis"
        )
    by_axis = given if isinstance(given, dict) else dict.fromkeys(steps, given)
    found: dict[str, Array] = {}
    for axis, flags in by_axis.items():
        if axis not in steps:
            listed = ", ".join(map(repr, steps))
            raise ValueError(
                f"reset has {axis!r}, which is no time axis of the model; it has {listed}"
            )
        array = as_array("reset", flags, axes="(T, B)")
        if array.dtype != np.bool_:
            raise DtypeError(
                f"reset has dtype {array.dtype}, expected bool, True at the first step of an "
                "episode; use reset.astype(bool)"
            )
        if array.shape != (steps[axis], batch):
            raise ShapeError(
                f"reset must have shape (T, B) = {(steps[axis], batch)}, found {array.shape}; give "
                "a flag for each step of each sequence"
            )
        found[axis] = array
    return found
