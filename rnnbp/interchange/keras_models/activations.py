"""Activations, which are functions of Keras and layers here."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rnnbp.graph.graph import Node
from rnnbp.graph.sequential import Item
from rnnbp.interchange.formulas import Function, as_graph, mish, silu, softsign, tanh_gelu
from rnnbp.interchange.keras_models.library import KerasLayer, refusal
from rnnbp.layers import (
    ELU,
    GELU,
    Clip,
    Exp,
    Identity,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)
from rnnbp.layers.base import Layer
from rnnbp.numerics import shown

APPROXIMATE = "gelu(approximate=True)"
LAYERS: dict[str, Callable[[], Layer]] = {
    "linear": Identity,
    "tanh": Tanh,
    "sigmoid": Sigmoid,
    "relu": ReLU,
    "leaky_relu": lambda: LeakyReLU(0.2),  # Keras's slope
    "elu": ELU,
    "gelu": GELU,
    "softplus": Softplus,
    "softmax": Softmax,
    "log_softmax": LogSoftmax,
    "exponential": Exp,
}
"""Those of Keras that are one layer, by their names there."""


FORMULAS: dict[str, Function] = {
    "silu": silu,
    "softsign": softsign,
    "mish": mish,
    "relu6": lambda x: Clip(0, 6)(x),
    "hard_sigmoid": lambda x: Clip(0, 1)(x * (1 / 6) + 0.5),
    APPROXIMATE: tanh_gelu,
}
"""Those of Keras that are several layers."""


def activation_name(function: object) -> str:
    """The name in Keras of one of its own functions that is known here; "" for any other."""
    import keras  # it is there, because the function is of a layer

    if isinstance(function, partial) and function.func is keras.activations.gelu:
        plain = not function.args and {*function.keywords} <= {"approximate"}
        return ("gelu", APPROXIMATE)[bool(function.keywords.get("approximate"))] if plain else ""
    known = (*LAYERS, *FORMULAS)
    return next((n for n in known if getattr(keras.activations, n, None) is function), "")


def shown_activation(function: object) -> str:
    """A function in an error, by its name."""
    return shown(getattr(function, "__name__", function))


def activation_items(layer: KerasLayer, function: object) -> list[Item]:
    """The layers of an activation. Raises ValueError for one that is not known here."""
    name = activation_name(function)
    if name == "linear":
        return []
    if name in LAYERS:
        return [LAYERS[name]()]
    if name in FORMULAS:
        return [as_graph(FORMULAS[name])]
    raise refusal(
        layer,
        f"its activation {shown_activation(function)} is not among those known here, "
        f"{', '.join((*LAYERS, *FORMULAS))}",
        "give it one of them, or put a Layer of your own in its place, see help(rnnbp.Layer)",
    )


def signature(nodes: tuple[Node, ...], first: int) -> list[tuple[str, tuple[int, ...]]]:
    """What nodes compute of value ``first``: layers, and the values they take, by distance."""
    numbers = {first: -1} | {node.outs[0]: k for k, node in enumerate(nodes)}
    return [(repr(n.block), tuple([numbers.get(a, -2) for a in n.args])) for n in nodes]


def formula_at(nodes: tuple[Node, ...], first: int) -> tuple[str, int]:
    """The activation that nodes from the first on compute of ``first``, and how many of them."""
    for name, function in FORMULAS.items():
        graph = as_graph(function)
        count = len(graph.nodes)
        if signature(nodes[:count], first) == signature(graph.nodes, 0):
            return name, count
    return "", 0
