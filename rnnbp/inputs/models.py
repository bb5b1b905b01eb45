"""The model of a run, as a graph of one input and one output, and the feature shape it takes."""

from __future__ import annotations

from itertools import chain

from rnnbp.graph.cell import Cell
from rnnbp.graph.graph import Graph
from rnnbp.graph.model_split import recurrent_blocks
from rnnbp.graph.network import Network, check_parameters, name_params
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.values import Input
from rnnbp.inputs.axes import check_stated, not_one_of_each, stated_shape
from rnnbp.inputs.given import ModelLike
from rnnbp.layers.base import Layer
from rnnbp.layers.parameter import ParameterLayer
from rnnbp.numerics import (
    Shape,
    ShapeError,
    check_x_shape,
    shown,
)
from rnnbp.wording.of_torch import instead_of_torch


def as_model(model: ModelLike) -> Graph:
    """``model`` as a graph of one input and one output; a Layer or Recurrent by itself is one.

    Raises as ``check_parameters`` does where a parameter is not what its layer was built with.
    """
    graph = _as_graph(model)
    _check_no_parameter_values(graph)
    check_parameters(graph)
    return graph


def _as_graph(model: ModelLike) -> Graph:
    if isinstance(model, Recurrent):
        return _of_one_input(Graph.of_one(model), model)
    if isinstance(model, Graph) and not isinstance(model, Cell):
        if len(model.input_shapes) != 1 or model.n_outputs != 1:
            raise ValueError(not_one_of_each(model))
        return _of_one_input(model, *recurrent_blocks(model))
    if isinstance(model, Cell) or not isinstance(model, (Layer, Network)):
        cure = (
            "wrap the cell in Recurrent(...)"
            if isinstance(model, Cell)
            else "give a Sequential or a Graph"
        )
        found = instead_of_torch(model) or f"{shown(model)}; {cure}"
        raise TypeError(f"a model is a network of layers, found {found}")
    x = Input()
    graph = Graph(x, model(x))  # type: ignore[operator]  # every Layer and every other Network is callable
    graph.slots = name_params([("", model)])
    return graph


def _check_no_parameter_values(graph: Graph) -> None:
    """Raise TypeError for parameter values, which only graphs can hold yet."""
    cells = [block.cell.layers for block in recurrent_blocks(graph)]
    for layer in chain(graph.layers, *cells):
        if isinstance(layer, ParameterLayer):
            raise TypeError(
                f"{layer} is a value of {graph}, which cannot be run yet; take the parameters of a layer"
            )


def _of_one_input(model: Graph, *blocks: Recurrent) -> Graph:
    """The model. Raises TypeError for a cell of several inputs, which only graphs can hold yet."""
    for block in blocks:
        if block.cell.n_inputs > 1:
            raise TypeError(
                f"{block} has a cell of {block.cell.n_inputs} inputs, which cannot be run yet; "
                "join them in one x, and take it apart with Split"
            )
    return model


def feature_shape(caller: str, model: Graph, x_shape: Shape | None) -> Shape:
    """The feature shape of x: as given, or as the model says.

    Raises ShapeError, or TypeError without a dtype.
    """
    check_x_shape(caller, x_shape)
    shape = stated_shape(model) if x_shape is None else tuple(x_shape)
    check_stated(caller, shape, stated_shape(model))
    if shape is None:
        raise ShapeError(
            f"{caller}: {model} does not say the feature shape of its input; give x_shape, as "
            "(n_in,)"
        )
    if model.dtype is None:
        raise TypeError(
            f"{caller}: {model} has no parameters, so its dtype is not known; give it a layer that "
            "has"
        )
    return shape
