"""What a Stepper is passed, checked: inputs of a step, static inputs, rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

import numpy as np

from rnnbp.checks.arrays import as_array
from rnnbp.graph.graph import Graph
from rnnbp.graph.model_split import symbol_layers
from rnnbp.inputs.axes import stated_shape
from rnnbp.inputs.given import InputsLike
from rnnbp.inputs.static_inputs import checked_statics, static_input
from rnnbp.inputs.x_checks import check_values
from rnnbp.layers.symbols import Symbols
from rnnbp.numerics import Array, Dtype, DtypeError, Shape, ShapeError, shown
from rnnbp.support.nearest import hint


@final
class Inputs:
    """Some of the inputs of a model: those at each step, or the static ones.

    Args:
        numbers: theirs, among the inputs of the model.
        what: the argument that has them, for errors.
    """

    def __init__(self, model: Graph, numbers: Sequence[int], what: str) -> None:
        self.model, self.numbers, self.what = model, list(numbers), what
        names, one = model.input_names, len(numbers) == 1
        self.labels = {k: what if one else f"{what}[{names[k] or k!r}]" for k in numbers}
        for k in numbers:
            if not one and names[k]:
                self.labels[k] = f"{what}[{names[k]!r}]"
        self.symbols: Mapping[int, tuple[Symbols, ...]] = {
            k: tuple(symbol_layers(model, k)) for k in numbers
        }

    def parts(self, given: InputsLike) -> dict[int, InputsLike]:
        """Each input by its number, from one array, a tuple in order, or a dict by name.

        Raises TypeError, ShapeError or ValueError for what has not one for each.
        """
        names = {self.model.input_names[k]: k for k in self.numbers}
        if isinstance(given, dict):
            for name in given:
                if name not in names:
                    raise ValueError(
                        f"{self.what} has {shown(name)}, and takes {self._listed}"
                        f"{hint(name, list(names))}; {self._cure}"
                    )
            if missing := [name for name in names if name not in given]:
                raise ValueError(
                    f"{self.what} has no {missing[0]!r}, and takes {self._listed}; {self._cure}"
                )
            return {names[name]: part for name, part in given.items()}
        if len(self.numbers) == 1 and not isinstance(given, tuple):
            return {self.numbers[0]: given}
        if not isinstance(given, tuple | list) or len(given) != len(self.numbers):
            raise ShapeError(
                f"{self.what} takes {self._listed}, as a tuple in that order or a dict by name, "
                f"found {self._found(given)}; {self._cure}"
            )
        return dict(zip(self.numbers, given, strict=True))

    @property
    def _listed(self) -> str:
        names = self.model.input_names
        listed = ", ".join(f"{names[k] or k} {self._axes(k)}" for k in self.numbers)
        return f"{listed or 'none'} of {self.model}"

    def _axes(self, k: int) -> str:
        stated = stated_shape(self.model, k)
        return f"({', '.join(['B', *map(str, stated or ())])}{', ...' * (stated is None)})"

    @property
    def _cure(self) -> str:
        if self.what == "x":
            return "give one for each; static inputs go to Stepper(..., static=) or begin()"
        return "give one for each; what has a value at each step goes to step()"

    def _found(self, given: object) -> str:
        return f"{len(given)}" if isinstance(given, tuple | list) else shown(given)


def static_values(inputs: Inputs, given: InputsLike, batch: int, dtype: Dtype) -> dict[int, Array]:
    """The static inputs of a model by number, as layers read them. Raises as ``predict`` does."""
    if not inputs.numbers:
        if given is not None:
            raise TypeError(f"static: {inputs.model} has no static inputs; leave it out")
        return {}
    if given is None:
        raise TypeError(
            f"Stepper: {inputs.model} has static inputs, "
            f"{', '.join(map(inputs.labels.__getitem__, inputs.numbers))}; give Stepper(model, "
            "static=...), an array (B, ...), or a tuple or dict of them"
        )
    model, labels = inputs.model, inputs.labels
    arrays = {
        k: static_input(labels[k], part, batch, stated_shape(model, k))
        for k, part in inputs.parts(given).items()
    }
    symbols = [inputs.symbols.get(k, ()) for k in range(len(model.pers))]
    read = checked_statics(model, arrays, labels.__getitem__, symbols, dtype)
    return {k: array.copy() for k, (array, _) in read.items()}


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


def checked_rows(rows: object, batch: int) -> Array:
    """Rows of a batch as an index. Raises TypeError, ShapeError or IndexError."""
    found = np.asarray(rows)
    if found.dtype == np.bool_:
        if found.shape != (batch,):
            raise ShapeError(
                f"reset: rows as a mask has shape {found.shape}, expected (B,) = ({batch},); give a "
                "bool for each sequence"
            )
        return found
    if found.size == 0:
        return found.astype(np.int64)
    if found.dtype.kind not in "iu":
        raise TypeError(
            f"reset: rows are numbers of sequences, or a mask (B,) of bools, found {shown(rows)}; "
            "leave rows out for all"
        )
    if found.min() < 0 or found.max() >= batch:
        raise IndexError(
            f"reset: rows must lie in [0, {batch}), found {found.min()} to {found.max()}; count "
            "sequences from 0"
        )
    return found
