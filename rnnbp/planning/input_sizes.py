"""What is known of an input of a run before it is read: its shape, and how it lies in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from rnnbp.graph.graph import Graph
from rnnbp.inputs.held import Held
from rnnbp.inputs.problem import Problem
from rnnbp.inputs.series import Series
from rnnbp.numerics import Dtype, Shape


@final
@dataclass(frozen=True)
class InputSizes:
    """An input apart from x.

    Attributes:
        number: among the inputs of the model.
        shape: its feature shape.
        floats: True if it is floats, and so has a gradient.
        copied: True if it must be copied for its dtype or its order, a series a chunk at a time.
        symbol_bytes: of an element that is no float.
    """

    number: int
    shape: Shape
    floats: bool = True
    copied: bool = False
    symbol_bytes: int = 8


def copied(x: Series, dtype: Dtype) -> bool:
    """True if chunks of a series must be copied, for their dtype or their order."""
    plain = isinstance(x, Held) and x.views
    return not plain or (x.dtype.kind in "fc" and x.dtype != dtype)


def symbol_bytes(x: Series) -> int:
    """Of an element of a chunk that is a symbol: those that are read anew stay as they are."""
    return x.dtype.itemsize if x.fresh else 8


def others_of(problem: Problem) -> tuple[InputSizes, ...]:
    """The inputs of a run apart from x, in order."""
    given, found = problem.others, list[InputSizes]()
    if not len(given):
        return ()
    for k, part in given.series.items():
        lie = copied(part, problem.dtype), symbol_bytes(part)
        found.append(InputSizes(k, part.shape[1:], part.dtype.kind in "fc", *lie))
    for k, array in given.static.items():
        floats = array.dtype.kind in "fc"
        found.append(InputSizes(k, array.shape[1:], floats, copied=k in given.copied))
    return tuple(sorted(found, key=lambda each: each.number))


def others_ahead(model: Graph, shapes: tuple[Shape, ...]) -> tuple[InputSizes, ...]:
    """The same before there is any data, in C order and of the model's dtype.

    Args:
        shapes: feature shapes of all inputs.
    """
    x = model.pers.index("step")
    return tuple(
        [
            InputSizes(k, shape, floats=shape != (), copied=shape == ())
            for k, shape in enumerate(shapes)
            if k != x
        ]
    )
