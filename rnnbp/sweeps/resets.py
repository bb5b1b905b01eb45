"""The steps at which rows begin anew, as they are passed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rnnbp.checks.arrays import as_array
from rnnbp.numerics import Array, DtypeError, Shape, ShapeError
from rnnbp.support.nearest import hint
from rnnbp.sweeps.by_axis import OF_INPUTS


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
                f"reset has {axis!r}, which is no time axis of the model{hint(axis, list(steps))}; "
                f"it has {listed}, {OF_INPUTS}"
            )
        if flags is not None:
            name = f"reset[{axis!r}]" if len(steps) > 1 else "reset"
            found[axis] = as_array(name, flags, axes="(T, B)")
            _check(name, found[axis], (steps[axis], batch))
    return found


def _check(name: str, array: Array, shape: Shape) -> None:
    """Raise DtypeError or ShapeError unless an array has flags of these axes (T, B)."""
    if array.dtype != np.bool_ and array.ndim < 2:
        raise ShapeError(
            f"{name} has dtype {array.dtype} and shape {array.shape}, expected bool flags (T, B), "
            "True at the first step of an episode; of numbers of steps make reset = np.zeros("
            f"{shape}, bool), and reset[numbers] = True"
        )
    if array.dtype != np.bool_:
        raise DtypeError(
            f"{name} has dtype {array.dtype}, expected bool, True at the first step of an "
            f"episode; use {name}.astype(bool)"
        )
    if array.shape != shape:
        raise ShapeError(
            f"{name} must have shape (T, B) = {shape}, found {array.shape}; give a flag for each "
            "step of each sequence"
        )
