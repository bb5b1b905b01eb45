"""Cells, Recurrents and networks, built from what a file says of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from rnnbp.graph.cell import Cell
from rnnbp.graph.cells.bidirectional import Bidirectional
from rnnbp.graph.graph import Graph
from rnnbp.graph.made import Made
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.sequential import Sequential
from rnnbp.graph.unrolled import Unrolled
from rnnbp.graph.values import Value
from rnnbp.layers.params import LayerParams
from rnnbp.saving.blocks import OVER_TIME, Part
from rnnbp.saving.graphs import inputs_of, outputs_of
from rnnbp.storage import Fields

Build: TypeAlias = Callable[[Fields, Sequence[Part], LayerParams | None], Part]
"""Builds a part of its description, those before it, and its own parameters, if it has some."""


def _name(fields: Fields) -> str | None:
    return None if fields.missing("name") else fields.text("name")


def _flag(fields: Fields, name: str) -> bool:
    value = fields.raw(name)
    if not isinstance(value, bool):
        fields.refuse(f"its {name} is neither true nor false")
    return value


def _part(fields: Fields, name: str, built: Sequence[Part]) -> Part:
    return built[fields.whole(name, most=len(built) - 1)]


def _recurrent_of(fields: Fields, name: str, built: Sequence[Part]) -> Recurrent:
    found = _part(fields, name, built)
    if not isinstance(found, Recurrent):
        fields.refuse(f"its {name} is no Recurrent")
    return found


def _sequential(fields: Fields, built: Sequence[Part], _: LayerParams | None) -> Sequential:
    blocks = [built[k] for k in fields.wholes("blocks", most=len(built) - 1)]
    # What is neither is refused by Sequential.
    return Sequential(*blocks, name=_name(fields))  # type: ignore[arg-type]


def _bidirectional(fields: Fields, built: Sequence[Part], _: LayerParams | None) -> Bidirectional:
    both = [_recurrent_of(fields, name, built) for name in ("forward", "backward")]
    return Bidirectional(*both, merge=fields.text("merge"), name=_name(fields))


def _graph(fields: Fields, built: Sequence[Part], _: LayerParams | None) -> Graph:
    inputs = _inputs(fields)
    ends: Sequence[Value] = outputs_of(fields, inputs, built)
    if fields.missing("output_names"):
        return Graph(inputs, ends, name=_name(fields))
    given = fields.raw("output_names")
    names = [name for name in given if isinstance(name, str)] if isinstance(given, list) else []
    if not len(set(names)) == len(names) == len(ends):
        fields.refuse("the names of its outputs are no texts, are not all different, or too few")
    return Graph(inputs, dict(zip(names, ends, strict=True)), name=_name(fields))


def _inputs(fields: Fields, states: int = 0) -> list[Value]:
    found = inputs_of(fields, states)
    if not found:
        fields.refuse("it has no inputs")
    return found


def _cell(fields: Fields, built: Sequence[Part], _: LayerParams | None) -> Cell:
    states = fields.whole("states", 1)
    inputs = _inputs(fields, states)
    output, *new = outputs_of(fields, inputs, built)
    given, old = inputs[:-states], inputs[-states:]
    named = _name(fields) or ""
    cell = Cell(given, dict(zip(old, new, strict=True)), output, name=named)
    if not fields.missing("made"):
        cell.made = _made(fields.fields("made"))
    return cell


def _made(fields: Fields) -> Made:
    options = fields.fields("options").values
    plain = {k: v for k, v in options.items() if not isinstance(v, list | dict)}
    kind, sizes = fields.text("kind"), (fields.whole("n_in", 1), fields.whole("n", 1))
    return Made(kind, *sizes, plain)


def _recurrent(fields: Fields, built: Sequence[Part], params: LayerParams | None) -> Recurrent:
    """One whose learned initial state is ``params`` itself."""
    cell = _part(fields, "cell", built)
    if not isinstance(cell, Cell):
        fields.refuse("its cell is no Cell")
    found = Recurrent(cell, name=_name(fields), reverse=_flag(fields, "reverse"))
    if params is not None:
        wanted = dict(zip(cell.state_names, cell.state_shapes, strict=True))
        shapes = {f"initial_{k}": shape for k, shape in wanted.items()}
        if shapes != params.shapes or not shapes.keys().isdisjoint(cell.slots):
            fields.refuse("its initial values are not those of the states of its cell")
        found.initial = params
        found.slots = cell.slots | {key: (params, key) for key in params}
    return found


def _unrolled(fields: Fields, built: Sequence[Part], _: LayerParams | None) -> Unrolled:
    recurrent, given = _recurrent_of(fields, "recurrent", built), fields.raw("given")
    if not isinstance(given, list) or len(given) != len(recurrent.cell.state_names):
        fields.refuse("its initial values are not as many as states")
    if not all(isinstance(each, bool) for each in given):
        fields.refuse("whether it takes an initial value is neither true nor false")
    return Unrolled(recurrent, tuple(map(bool, given)), _flag(fields, "gives_state"))


CONTAINERS: Mapping[str, Build] = {
    "Bidirectional": _bidirectional,
    "Cell": _cell,
    "Graph": _graph,
    "Recurrent": _recurrent,
    "Sequential": _sequential,
    "Unrolled": _unrolled,
    **{name: lambda _, __, ___, cls=cls: cls() for name, cls in OVER_TIME.items()},
}
"""By the name in a file: parts that are no layers."""
