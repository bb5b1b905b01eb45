"""Cells and what runs them, built from what a file says of them."""

from __future__ import annotations

from collections.abc import Sequence

from rnnbp.graph.cell import Cell
from rnnbp.graph.cells.bidirectional import Bidirectional
from rnnbp.graph.made import Made
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.unrolled import Unrolled
from rnnbp.layers.params import LayerParams
from rnnbp.saving.blocks import Part
from rnnbp.saving.graphs import inputs_of, outputs_of
from rnnbp.storage import Fields


def name_of(fields: Fields) -> str | None:
    """The name of a part; None for none."""
    return None if fields.missing("name") else fields.text("name")


def cell(fields: Fields, built: Sequence[Part], _: LayerParams | None) -> Cell:
    """A Cell."""
    states = fields.whole("states", 1)
    inputs = inputs_of(fields, states)
    output, *new = outputs_of(fields, inputs, built)
    given, old = inputs[:-states], inputs[-states:]
    named = name_of(fields) or ""
    cell = Cell(given, dict(zip(old, new, strict=True)), output, name=named)
    if not fields.missing("made"):
        cell.made = _made(fields.fields("made"))
    return cell


def _made(fields: Fields) -> Made:
    options = fields.fields("options").values
    plain = {k: v for k, v in options.items() if not isinstance(v, list | dict)}
    kind, sizes = fields.text("kind"), (fields.whole("n_in", 1), fields.whole("n", 1))
    return Made(kind, *sizes, plain)


def recurrent(fields: Fields, built: Sequence[Part], params: LayerParams | None) -> Recurrent:
    """One whose learned initial state is ``params`` itself."""
    cell = _part(fields, "cell", built)
    if not isinstance(cell, Cell):
        fields.refuse("its cell is no Cell")
    found = Recurrent(cell, name=name_of(fields), reverse=_flag(fields, "reverse"))
    if params is not None:
        wanted = dict(zip(cell.state_names, cell.state_shapes, strict=True))
        shapes = {f"initial_{k}": shape for k, shape in wanted.items()}
        if shapes != params.shapes or not shapes.keys().isdisjoint(cell.slots):
            fields.refuse("its initial values are not those of the states of its cell")
        found.initial = params
        found.slots = cell.slots | {key: (params, key) for key in params}
    return found


def unrolled(fields: Fields, built: Sequence[Part], _: LayerParams | None) -> Unrolled:
    """A Recurrent that takes or returns states."""
    recurrent, given = _recurrent_of(fields, "recurrent", built), fields.raw("given")
    if not isinstance(given, list) or len(given) != len(recurrent.cell.state_names):
        fields.refuse("its initial values are not as many as states")
    if not all(isinstance(each, bool) for each in given):
        fields.refuse("whether it takes an initial value is neither true nor false")
    return Unrolled(recurrent, tuple(map(bool, given)), _flag(fields, "gives_state"))


def bidirectional(fields: Fields, built: Sequence[Part], _: LayerParams | None) -> Bidirectional:
    """A Bidirectional."""
    forward = _recurrent_of(fields, "forward", built)
    backward = _recurrent_of(fields, "backward", built)
    return Bidirectional(forward, backward, fields.text("merge"), name=name_of(fields))


def _recurrent_of(fields: Fields, name: str, built: Sequence[Part]) -> Recurrent:
    found = _part(fields, name, built)
    if not isinstance(found, Recurrent):
        fields.refuse(f"its {name} is no Recurrent")
    return found


def _flag(fields: Fields, name: str) -> bool:
    value = fields.raw(name)
    if not isinstance(value, bool):
        fields.refuse(f"its {name} is neither true nor false")
    return value


def _part(fields: Fields, name: str, built: Sequence[Part]) -> Part:
    return built[fields.whole(name, most=len(built) - 1)]
