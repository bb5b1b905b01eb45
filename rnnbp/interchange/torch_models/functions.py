"""Functions that PyTorch has as a module, and that are a graph of several layers here."""

from __future__ import annotations

from collections.abc import Iterator

from rnnbp.graph.graph import Graph
from rnnbp.graph.values import Outputs, Value
from rnnbp.interchange.formulas import Function, as_graph, mish, silu, softsign
from rnnbp.layers import Scale, Softplus, Tanh


def log_sigmoid(x: Value) -> Outputs:
    """log σ(x) = −log(1 + e⁻ˣ)."""
    return -1 * Softplus()(-1 * x)


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


def is_function(graph: Graph, function: Function) -> bool:
    """True if a graph has the layers of a function, with the same options, in the same places."""
    return [*_layers(graph)] == [*_layers(as_graph(function))]


def _layers(graph: Graph) -> Iterator[tuple[object, ...]]:
    for node in graph.nodes:
        yield repr(node.block), node.args, node.outs
    yield graph.outputs
