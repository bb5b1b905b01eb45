"""The feature shapes of the inputs of a network, where its layers say what they must be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from rnnbp.graph.graph import Graph
from rnnbp.interchange.onnx_out.applied import applied
from rnnbp.interchange.onnx_out.ends import is_symbols
from rnnbp.interchange.onnx_out.parts import ANY
from rnnbp.numerics import Shape, ShapeError, shown
from rnnbp.support.nearest import hint

OpenShape: TypeAlias = int | Sequence[int | None]
"""A feature shape, None for an axis whose size differs from run to run."""
ShapesLike: TypeAlias = OpenShape | Mapping[str, OpenShape] | None


def input_shapes(graph: Graph, names: Sequence[str], given: ShapesLike) -> list[Shape]:
    """The feature shape of each input, ``ANY`` for an axis that is open.

    Args:
        given: of the only input, or by name; for those that the layers leave open.

    Raises TypeError, ValueError or ShapeError for shapes that are missing or do not fit.
    """
    by_name = _by_name(names, given)
    found: list[Shape | None] = [by_name.get(name) for name in names]
    for k, name in enumerate(names):
        if found[k] is None:
            found[k] = _followed(graph, k, name)
    graph.value_shapes(*found)
    return [shape for shape in found if shape is not None]


def _by_name(names: Sequence[str], given: ShapesLike) -> dict[str, Shape]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        if len(names) > 1:
            raise TypeError(
                f"to_onnx: shape is one shape, and the model has the inputs {', '.join(names)}; "
                "give a dict of shapes by name"
            )
        given = {names[0]: given}
    for name in given:
        if name not in names:
            raise ValueError(
                f"to_onnx: shape has {shown(name)}, which is no input of the model"
                f"{hint(name, names)}; it has {', '.join(names)}"
            )
    return {name: _checked(name, shape) for name, shape in given.items()}


def _checked(name: str, given: object) -> Shape:
    sizes = tuple(given) if isinstance(given, Sequence) else (given,)
    for n in sizes:
        if n is not None and (not isinstance(n, int) or isinstance(n, bool) or n < 1):
            raise ValueError(
                f"to_onnx: the shape of {name} has whole numbers of at least 1, or None, found "
                f"{shown(given)}; give its features, without time and batch"
            )
    return tuple([ANY if n is None else n for n in sizes])


def _followed(graph: Graph, k: int, name: str) -> Shape:
    """The one shape of an input that the layers take. Raises ShapeError if there are others."""
    if (declared := graph.input_shapes[k]) is not None:
        return declared
    if is_symbols(graph, k):
        return ()
    fitting = [shape for shape in dict.fromkeys(_possible(graph)) if _fits(graph, k, shape)]
    if len(fitting) != 1:
        raise ShapeError(
            f"to_onnx: the features of input {name} do not follow from the layers; give them, "
            f"without time and batch, as shape=(n,){_several(name)}"
        )
    return fitting[0]


def _several(name: str) -> str:
    of_memory = f"shape={{{name!r}: (None, n)}} for a memory of any number of steps"
    return f", by name and with None for a size that differs, as {of_memory}"


def _possible(graph: Graph) -> Iterator[Shape]:
    """Shapes of features that inputs of cells have, or that parameters would fit."""
    for one in applied(graph).values():
        yield from [shape for shape in one.block.cell.input_shapes if shape is not None]
    for owner, key in graph.slots.values():
        shape = owner[key].shape
        yield shape
        yield shape[-1:]


def _fits(graph: Graph, k: int, shape: Shape) -> bool:
    try:
        graph.value_shapes(*[shape if j == k else s for j, s in enumerate(graph.input_shapes)])
    except ShapeError:
        return False
    return True
