"""What a Stepper is passed, checked: inputs of a step, static inputs, rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

from rnnbp.graph.graph import Graph
from rnnbp.graph.model_split import symbol_layers
from rnnbp.inputs.axes import stated_shape
from rnnbp.inputs.given import InputsLike
from rnnbp.inputs.static_inputs import checked_statics, static_input
from rnnbp.layers.symbols import Symbols
from rnnbp.numerics import Array, Dtype, ShapeError, shown
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
