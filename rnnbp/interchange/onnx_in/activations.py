"""Activations of ONNX's recurrent nodes: their names, their parameters, their layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

from rnnbp.graph.values import Value
from rnnbp.interchange.onnx_in.nodes import Call
from rnnbp.layers import ELU, Clip, LeakyReLU, ReLU, Scale, Sigmoid, Softplus, Tanh

Function: TypeAlias = Callable[[Value], Value]

DEFAULTS = {"LSTM": ("sigmoid", "tanh", "tanh"), "GRU": ("sigmoid", "tanh"), "RNN": ("tanh",)}
"""By operator, the activations of one direction."""
REQUIRED = math.inf
"""In place of the default of a parameter that has none that all agree on."""
PARAMETERS: dict[str, tuple[float | None, float | None]] = {
    "affine": (REQUIRED, REQUIRED),
    "leakyrelu": (0.01, None),
    "thresholdedrelu": (1.0, None),
    "scaledtanh": (REQUIRED, REQUIRED),
    "hardsigmoid": (0.2, 0.5),
    "elu": (1.0, None),
}
"""By activation, α and β where they are not given; None for one that it does not have."""


class Activation(NamedTuple):
    """A function by name, in small letters, with its parameters."""

    name: str
    alpha: float
    beta: float

    def __call__(self, value: Value) -> Value:
        """The function of a value, by new layers."""
        return _FUNCTIONS[self.name](self, value)


def activations(call: Call, directions: int) -> list[tuple[Activation, ...]]:
    """The activations of each direction."""
    kind = call.node.op_type
    default = DEFAULTS[kind] * directions
    names = [name.lower() for name in call.attribute("activations", list(default))]
    if len(names) != len(default):
        call.refuse(f"attribute activations has {len(names)} names", f"give {len(default)}")
    alphas = iter(call.attribute("activation_alpha", [0.0][:0]))
    betas = iter(call.attribute("activation_beta", [0.0][:0]))
    found = [_named(call, name, alphas, betas) for name in names]
    each = len(DEFAULTS[kind])
    return [tuple(found[k * each : (k + 1) * each]) for k in range(directions)]


def _named(call: Call, name: str, alphas: Iterator[float], betas: Iterator[float]) -> Activation:
    """An activation; parameters are for those alone that have some, in order."""
    if name not in _FUNCTIONS:
        known = ", ".join(sorted(_FUNCTIONS))
        call.refuse(
            f"attribute activations names {name!r}",
            f"those that are layers here are {known}; write others as a Cell of your own",
        )
    alpha, beta = PARAMETERS.get(name, (None, None))
    found = [
        0.0 if alpha is None else next(alphas, alpha),
        0.0 if beta is None else next(betas, beta),
    ]
    if REQUIRED in found:
        call.refuse(f"attribute activations names {name!r} without its alpha and beta", "give both")
    return Activation(name, *found)


def is_default(kind: str, given: tuple[Activation, ...]) -> bool:
    """True if a cell of the library has these activations."""
    names = tuple(each.name for each in given)
    return names == DEFAULTS[kind] or (kind == "RNN" and names == ("relu",))


def _affine(own: Activation, v: Value) -> Value:
    found: Value = Scale(own.alpha, own.beta)(v)
    return found


def _scaled_tanh(own: Activation, v: Value) -> Value:
    found: Value = own.alpha * Tanh()(Scale(own.beta)(v))
    return found


def _hard_sigmoid(own: Activation, v: Value) -> Value:
    found: Value = Clip(0.0, 1.0)(_affine(own, v))
    return found


def _softsign(own: Activation, v: Value) -> Value:
    return v / (1 + abs(v))


_FUNCTIONS: dict[str, Callable[[Activation, Value], Value]] = {
    "tanh": lambda own, v: Tanh()(v),
    "sigmoid": lambda own, v: Sigmoid()(v),
    "relu": lambda own, v: ReLU()(v),
    "softplus": lambda own, v: Softplus()(v),
    "leakyrelu": lambda own, v: LeakyReLU(own.alpha)(v),
    "elu": lambda own, v: ELU(own.alpha)(v),
    "affine": _affine,
    "scaledtanh": _scaled_tanh,
    "hardsigmoid": _hard_sigmoid,
    "softsign": _softsign,
}
