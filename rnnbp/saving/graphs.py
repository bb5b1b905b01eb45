"""Graphs as JSON: what they take, their nodes as one list of numbers, and what they return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rnnbp.graph.cell import Cell
from rnnbp.graph.graph import Graph
from rnnbp.graph.over_time.base import OverTime
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.unrolled import Unrolled, layer_of
from rnnbp.graph.values import Input, State, Value
from rnnbp.layers.base import Layer
from rnnbp.saving.blocks import Part
from rnnbp.storage import JSON, Fields


def described(graph: Graph, numbers: Mapping[int, int]) -> dict[str, JSON]:
    """A Graph or Cell, whose blocks have these numbers by identity.

    Of each node ``nodes`` has the number of its block, that of its arguments, and these; values are
    numbered as in the graph: inputs, then the outputs of each node.
    """
    nodes: list[JSON] = []
    for node in graph.nodes:
        nodes += [numbers[id(node.block)], len(node.args), *node.args]
    places: dict[str, JSON] = {
        str(k): place for k, place in enumerate(graph.positions) if place != str(k)
    }
    found: dict[str, JSON] = {
        "inputs": [_input(graph, k) for k in range(len(graph.input_shapes))],
        "nodes": nodes,
        "outputs": list(graph.outputs),
    }
    found |= {"places": places} if places else {}
    if isinstance(graph, Cell):
        return found | {"states": len(graph.state_shapes)}
    named = any(graph.output_names)
    return found | ({"output_names": list(graph.output_names)} if named else {})


def _input(graph: Graph, k: int) -> dict[str, JSON]:
    shape = graph.input_shapes[k]
    found: dict[str, JSON] = {"shape": None if shape is None else list(shape)}
    found |= {"name": graph.input_names[k]} if graph.input_names[k] else {}
    if isinstance(graph, Cell) and k >= graph.n_inputs:
        return found
    return found | {"per": graph.pers[k], "axis": graph.axes[k]}


def inputs_of(fields: Fields, states: int = 0) -> list[Value]:
    """The symbols of a graph's inputs, of which the last are the states of a cell."""
    listed = fields.raw("inputs")
    if not isinstance(listed, list) or len(listed) <= states:
        fields.refuse("its inputs are no list, or too few")
    found = list[Value]()
    for k, each in enumerate(listed):
        if not isinstance(each, dict):
            fields.refuse(f"input {k} is no dict")
        one = Fields(fields.path, each, f"{fields.where}, input {k}", fields.cure)
        name = "" if one.missing("name") else one.text("name")
        shape = None if one.missing("shape") else tuple(one.wholes("shape"))
        if k < len(listed) - states:
            axis = one.text("axis") or None
            # A text other than these is refused by Input.
            per = one.text("per")
            found.append(Input(shape, name, per=per, axis=axis))  # type: ignore[arg-type]
        else:
            found.append(State(shape, name))  # type: ignore[arg-type]  # None is refused there
    return found


def outputs_of(fields: Fields, inputs: Sequence[Value], built: Sequence[Part]) -> list[Value]:
    """The symbols of a graph's outputs, once its blocks have been called on its inputs."""
    values, numbers, at = list(inputs), fields.wholes("nodes"), 0
    places, seen = _places(fields), dict[int, int]()
    while at < len(numbers):
        count = numbers[at + 1] if at + 1 < len(numbers) else 0
        args = numbers[at + 2 : at + 2 + count]
        if at + 2 + count > len(numbers) or any(k >= len(values) for k in args):
            fields.refuse("a node has arguments that are not there")
        block = built[numbers[at]] if numbers[at] < len(built) else None
        if not isinstance(block, Layer | Recurrent | Unrolled | OverTime):
            fields.refuse("a node is of no block")
        made = inputs[0].apply_layer(block, [values[k] for k in args])
        outs = made if isinstance(made, tuple) else (made,)
        layer = seen.setdefault(id(layer_of(block)), len(seen))
        if outs[0].source is not None:
            outs[0].source.place = places.get(str(layer), "")
        values += outs
        at += 2 + count
    ends = fields.wholes("outputs", most=len(values) - 1)
    return [values[k] for k in ends]


def _places(fields: Fields) -> dict[str, str]:
    """The paths of blocks that a graph with a name brought into this one, by their numbers."""
    if fields.missing("places"):
        return {}
    given = fields.fields("places")
    return {key: given.text(key) for key in given.values}
