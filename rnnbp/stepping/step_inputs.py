"""The inputs of a step, checked and written into the arrays that a step reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rnnbp.checks.arrays import as_array
from rnnbp.inputs.given import InputsLike
from rnnbp.inputs.x_checks import check_values
from rnnbp.layers.symbols import Symbols
from rnnbp.numerics import Array, Dtype, DtypeError, Shape, ShapeError
from rnnbp.stepping.arguments import Inputs


def write(
    inputs: Inputs, given: InputsLike, into: Mapping[int, Array], dtype: Dtype, *, steps: bool
) -> None:
    """Copy the inputs of a step into arrays (L, B, ...), once all have been checked.

    Args:
        steps: whether they have the axis of steps.

    Raises ShapeError, DtypeError, or what ``check_values`` does.
    """
    axes = "(L, B, ...)" if steps else "(B, ...)"
    found = {}
    for k, part in inputs.parts(given).items():
        place = into[k] if steps else into[k][0]
        found[k] = array = as_array(inputs.labels[k], part, axes=axes)
        _check_shape(inputs.labels[k], array.shape, place.shape, steps=steps)
        _check_dtype(inputs.labels[k], array.dtype, inputs.symbols[k])
        if array.dtype != place.dtype:  # a cast may change it to what can be used
            check_values(inputs.labels[k], inputs.symbols[k], dtype, array, 0)
    for k, array in found.items():
        np.copyto(into[k] if steps else into[k][0], array, casting="unsafe")


def shape_of(label: str, array: Array, batch: int, *, steps: bool) -> Shape:
    """The feature shape of an input that says it first. Raises ShapeError for another batch."""
    lead = 1 + steps
    if array.ndim < lead or array.shape[lead - 1] != batch:
        expected = ("L", batch, "...") if steps else (batch, "...")
        raise _wrong(label, array.shape, expected, steps=steps)
    return array.shape[lead:]


def _check_shape(label: str, shape: Shape, expected: Shape, *, steps: bool) -> None:
    if shape != expected:
        raise _wrong(label, shape, expected, steps=steps)


def _wrong(label: str, shape: Shape, expected: Sequence[object], *, steps: bool) -> ShapeError:
    batch, features = expected[steps], tuple(expected[1 + steps :])
    if not steps and shape == (1, *expected):
        cure = "step takes one step, without an axis of steps: give x[0], or use steps(x)"
    elif shape == features and batch == 1:
        cure = "the axis of the batch is missing: give x[None]"
    elif not steps and shape[1:] == features:
        cure = f"for {shape[0]} sequences at a time build Stepper(model, batch={shape[0]})"
    else:
        cure = "reshape it, or build a Stepper of that batch"
    axes = "(L, B, ...)" if steps else "(B, ...)"
    listed = ", ".join(map(str, expected)) + "," * (len(expected) == 1)
    return ShapeError(f"{label} of a step: expected {axes} = ({listed}), found {shape}; {cure}")


def _check_dtype(label: str, dtype: Dtype, symbols: Sequence[Symbols]) -> None:
    """Raise DtypeError for floats where symbols are taken, and the reverse."""
    floats = dtype in (np.float32, np.float64)
    if symbols and dtype.kind not in "iu":
        raise DtypeError(
            f"{label} has dtype {dtype}, and {symbols[0]} takes integers: x.astype(int)"
        )
    if not symbols and not floats:
        raise DtypeError(
            f"{label} has dtype {dtype}, and a step takes floats; use x.astype('float32')"
        )
