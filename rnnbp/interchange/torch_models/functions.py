"""Functions that PyTorch has as a module, and that are a graph of several layers here."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TypeAlias

from rnnbp.graph.graph import Graph
from rnnbp.graph.values import Input, Outputs, Value
from rnnbp.layers import Scale, Sigmoid, Softplus, Tanh

Function: TypeAlias = Callable[[Value], Outputs]


def silu(x: Value) -> Outputs:
    """x σ(x)."""
    return x * Sigmoid()(x)


def tanh_gelu(x: Value) -> Outputs:
    """½ x (1 + tanh(√(2/π) (x + 0.044715 x³)))."""
    return 0.5 * x * (1 + Tanh()(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def mish(x: Value) -> Outputs:
    """x tanh(log(1 + eˣ))."""
    return x * Tanh()(Softplus()(x))


def log_sigmoid(x: Value) -> Outputs:
    """log σ(x) = −log(1 + e⁻ˣ)."""
    return -1 * Softplus()(-1 * x)


def softsign(x: Value) -> Outputs:
    """x / (1 + |x|)."""
    return x / (1 + abs(x))


def tanhshrink(x: Value) -> Outputs:
    """x − tanh x."""
    return x - Tanh()(x)


def softplus(beta: float) -> Function:
    """log(1 + e^(βx)) / β."""
    return lambda x: Scale(1 / beta)(Softplus()(Scale(beta)(x)))


FUNCTIONS: dict[str, Function] = {
    "SiLU": silu,
    "Mish": mish,
    "LogSigmoid": log_sigmoid,
    "Softsign": softsign,
    "Tanhshrink": tanhshrink,
}
"""By the name of the module, those without options."""


def as_graph(function: Function, name: str | None = None) -> Graph:
    """A function as a block of one input and one output."""
    x = Input()
    return Graph(x, function(x), name=name)


def is_function(graph: Graph, function: Function) -> bool:
    """True if a graph has the layers of a function, with the same options, in the same places."""
    return [*_layers(graph)] == [*_layers(as_graph(function))]


def _layers(graph: Graph) -> Iterator[tuple[object, ...]]:
    for node in graph.nodes:
        yield repr(node.block), node.args, node.outs
    yield graph.outputs
