"""A model as lines of text: layers, settings, connections, and which parameters are shared."""

from __future__ import annotations

from rnnbp.graph.graph import Graph
from rnnbp.graph.network import Network
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.unrolled import Unrolled, layer_of
from rnnbp.graph.values import Block
from rnnbp.layers.base import Layer
from rnnbp.layers.pointwise import Activation
from rnnbp.naming import as_filed
from rnnbp.storage import JSON
from rnnbp.train.attributes import attributes_of
from rnnbp.train.describe import Description
from rnnbp.train.described_values import short
from rnnbp.train.identity import shown

OWN = ("_params", "name")
"""Attributes of a layer that are told elsewhere: parameters, and how they are called."""


def of_model(model: Graph) -> dict[str, JSON]:
    """The lines of a model."""
    with as_filed():  # a layer's name decides no number; parameters have lines of their own
        return _of_model(model)


def _of_model(model: Graph) -> dict[str, JSON]:
    known = {f"parameter {name}": array for name, array in model.params.items()}
    found = Description(known)
    _add_graph(found, "", model, {id(array): name for name, array in model.params.items()})
    return {"model": shown(model), **found.lines}


def _add_graph(found: Description, path: str, graph: Graph, names: dict[int, str]) -> None:
    places = {id(layer): k for k, layer in enumerate(graph.layers)}
    nodes = [
        f"{places[id(layer_of(node.block))]}{_states(node.block)}{node.args}>{node.outs}"
        for node in graph.nodes
    ]
    found.lines[f"{path}wiring"] = short(f"{' '.join(nodes).replace(' ', '')} to {graph.outputs}")
    for k, layer in enumerate(graph.layers):
        _add_block(found, f"{path}{_kind(layer)} {k}", layer, names)


def _states(block: Block) -> str:
    """The states of a Recurrent that are passed to it in the graph, "" if none are."""
    given = block.given if isinstance(block, Unrolled) else ()
    return "".join(f"s{k}" for k, passed in enumerate(given) if passed)


def _kind(layer: object) -> str:
    return "activation" if isinstance(layer, Activation) else "layer"


def _add_block(found: Description, path: str, block: object, names: dict[int, str]) -> None:
    found.lines[path] = shown(block)
    if isinstance(block, Recurrent):
        name = f"{path} {shown(block).split('(')[0]}"
        found.lines[f"{name}: state"] = (
            f"{block.cell.state_shapes}, initial {list(block.initial) or 'zeros'}"
        )
        _add_graph(found, f"{name}: ", block.cell, names)
    elif isinstance(block, Graph):
        _add_graph(found, f"{path}: ", block, names)
    elif isinstance(block, Layer):
        _add_layer(found, path, block, names)
    elif isinstance(block, Network):
        found.add(f"{path} {type(block).__name__}", block)


def _add_layer(found: Description, path: str, layer: Layer, names: dict[int, str]) -> None:
    place = f"{path} {type(layer).__name__}"
    held = {key: names.get(id(array), "its own") for key, array in layer.params.items()}
    found.lines[f"{place}: parameters"] = str(held)
    found.add_class(place, type(layer))
    for name, value in (attributes_of(layer) or {}).items():
        if name not in OWN:
            found.add(f"{place}: {name}", value)
