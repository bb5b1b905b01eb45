"""The model of a run, as a graph of one output."""

from __future__ import annotations

from typing import NoReturn

from rnnbp.graph.axes import is_over_time
from rnnbp.graph.cell import Cell
from rnnbp.graph.graph import Graph
from rnnbp.graph.hoisting import hoisted
from rnnbp.graph.network import Network, check_parameters, name_params
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.value_pers import value_pers
from rnnbp.graph.values import Input
from rnnbp.inputs.axes import not_one_output
from rnnbp.inputs.given import ModelLike
from rnnbp.layers.base import Layer
from rnnbp.numerics import shown
from rnnbp.wording.of_torch import instead_of_torch


def as_model(model: ModelLike) -> Graph:
    """``model`` as a graph of one output; a Layer or Recurrent by itself is one.

    Raises as ``check_parameters`` does where a parameter is not what its layer was built with.
    """
    graph = as_written(model)
    if is_over_time(graph):
        refuse_over_time(graph)
    check_parameters(graph)
    return hoisted(graph)


def as_network(model: ModelLike) -> Graph:
    """``as_model`` that also takes networks over time, of any number of outputs."""
    graph = as_written(model)
    check_parameters(graph)
    return hoisted(graph)


def as_written(model: ModelLike) -> Graph:
    """``as_model`` without checks, and with all of a cell's nodes in the cell."""
    if isinstance(model, Recurrent):
        return Graph.of_one(model)
    if isinstance(model, Graph) and not isinstance(model, Cell):
        if (len(model.pers) > 1 or model.pers[0] != "step") and not is_over_time(model):
            check_steps(model)
        return model
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


def refuse_over_time(model: Network) -> NoReturn:
    """Raise ValueError for a network over time, where one sweep of the engine is needed."""
    if isinstance(model, Graph) and model.n_outputs > 1:
        raise ValueError(not_one_output(model))
    raise ValueError(
        f"{model}: this takes models of one direction and one time axis, whose outputs are series, "
        "and not yet networks with reverse=True, states as values, Last(), MeanOverTime(), "
        "MaxOverTime() or WholeSeries(); bptt, predict, evaluate, fit, plan and forecast take them"
    )


def check_steps(model: Graph) -> None:
    """Raise ValueError unless the output, and so some input, has a value at each step."""
    if value_pers(model)[model.outputs[0]] != "step":
        of = "no input has" if "step" not in model.pers else "its output depends on no input with"
        raise ValueError(
            f"{model}: {of} a value at each step; make one an Input(...) per step, and let the "
            "output depend on it"
        )
