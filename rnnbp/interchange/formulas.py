"""Activations that other libraries have as one function, and that are several layers here."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

from rnnbp.graph.graph import Graph
from rnnbp.graph.values import Input, Outputs, Value
from rnnbp.layers import Sigmoid, Softplus, Tanh

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


def softsign(x: Value) -> Outputs:
    """x / (1 + |x|)."""
    return x / (1 + abs(x))


def as_graph(function: Function, name: str | None = None) -> Graph:
    """A function as a block of one input and one output."""
    x = Input()
    return Graph(x, function(x), name=name)
