"""The feature shapes of a model's inputs, as they are passed and as they are used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias, final

from rnnbp.graph.graph import Graph
from rnnbp.inputs.axes import check_stated, stated_shape
from rnnbp.inputs.passed import passed
from rnnbp.numerics import Shape, ShapeError, check_x_shape

ShapeLike: TypeAlias = Shape | tuple[Shape | None, ...] | Mapping[str, Shape | None] | None
"""The feature shape of x, () for symbols; of several inputs a tuple or a dict of one for each; None
for what the model says."""


@final
@dataclass(frozen=True)
class Shapes:
    """The feature shapes of all inputs of a model of several, in order."""

    of: tuple[Shape, ...]


def feature_shape(caller: str, model: Graph, x_shape: ShapeLike) -> Shape | Shapes:
    """The feature shape of x: as given, or as the model says; of several inputs that of each.

    Raises ShapeError, or TypeError without a dtype.
    """
    n = len(model.pers)
    if n == 1 and not isinstance(x_shape, Mapping):
        check_x_shape(caller, x_shape)
    each = given_shapes(caller, model, x_shape)
    found = [_shape(caller, model, k, shape) for k, shape in enumerate(each)]
    if model.dtype is None:
        raise TypeError(
            f"{caller}: {model} has no parameters, so its dtype is not known; give it a layer that "
            "has"
        )
    return found[0] if n == 1 else Shapes(tuple(found))


def each_shape(found: Shape | Shapes) -> tuple[Shape, ...]:
    """The feature shapes of all inputs, in order."""
    return found.of if isinstance(found, Shapes) else (found,)


def given_shapes(caller: str, model: Graph, x_shape: ShapeLike) -> list[Shape | None]:
    """What is passed for each input of a model, None for what is left to the model."""
    n = len(model.pers)
    if x_shape is None:
        return [None] * n
    given, _ = passed(model, x_shape, f"{caller}: x_shape")
    for shape in given:
        check_x_shape(caller, shape)
    return [None if shape is None else tuple(shape) for shape in given]


def _shape(caller: str, model: Graph, k: int, given: Shape | None) -> Shape:
    stated = stated_shape(model, k)
    shape = stated if given is None else given
    check_stated(caller, shape, stated)
    if shape is None:
        n, which, example = len(model.pers), "its input", "(n_in,)"
        if n > 1:
            which = f"input {model.input_names[k] or k}"
            example = f"({', '.join('(n_in,)' if j == k else 'None' for j in range(n))})"
        raise ShapeError(
            f"{caller}: {model} does not say the feature shape of {which}; give x_shape, as "
            f"{example}"
        )
    return shape
