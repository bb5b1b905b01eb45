"""Layers as modules of PyTorch: the class of each, and the arguments that it is built with."""

from __future__ import annotations

from functools import singledispatch
from typing import NamedTuple

from rnnbp.graph.graph import Graph
from rnnbp.interchange.formulas import tanh_gelu
from rnnbp.interchange.torch_models.functions import FUNCTIONS, is_function, softplus
from rnnbp.interchange.torch_models.levels import Level
from rnnbp.layers import (
    ELU,
    Clip,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    LayerNorm,
    LeakyReLU,
    LogSoftmax,
    Reshape,
    Scale,
    Softmax,
)
from rnnbp.layers.base import Layer
from rnnbp.layers.conv import Convolution
from rnnbp.layers.pooling import MaxPool, Pool
from rnnbp.saving.table import padding_of

SAME = ("Tanh", "Sigmoid", "ReLU", "GELU", "Softplus", "Identity")
"""Layers that have the same name there, and no options."""


class Build(NamedTuple):
    """A class of ``torch.nn`` by name, and its arguments, ``dtype`` apart."""

    kind: str
    args: tuple[object, ...] = ()
    options: dict[str, object] = {}  # noqa: RUF012  # nobody writes to it


@singledispatch
def of_layer(layer: Layer) -> Build | None:
    """The module of a layer; None for one that PyTorch has not, or not with its options."""
    return Build(type(layer).__name__) if type(layer).__name__ in SAME else None


def of_graph(graph: Graph) -> Build | None:
    """The module that a graph stands for; None for any other graph."""
    for name, function in FUNCTIONS.items():
        if is_function(graph, function):
            return Build(name)
    if is_function(graph, tanh_gelu):
        return Build("GELU", (), {"approximate": "tanh"})
    first = graph.nodes[0].block if graph.nodes else None
    if isinstance(first, Scale) and isinstance(first.scale, float) and first.scale:
        return (
            Build("Softplus", (first.scale,)) if is_function(graph, softplus(first.scale)) else None
        )
    return None


def of_levels(levels: list[Level], rate: float, *, batch_first: bool) -> Build:
    """The recurrent module with these levels."""
    one = levels[0]
    options: dict[str, object] = {"num_layers": len(levels), "bias": one.bias}
    options |= {"bidirectional": one.both, "batch_first": batch_first, "dropout": rate}
    if one.kind == "RNN":
        options["nonlinearity"] = one.activation
    if one.projection:
        options["proj_size"] = one.projection
    return Build(one.kind, (one.n_in, one.n), options)


@of_layer.register
def _dense(layer: Dense) -> Build | None:
    if layer.keys[0] != "weight":
        return None
    return Build("Linear", (layer.n_in[0], layer.n_out), {"bias": "bias" in layer.params})


@of_layer.register
def _norm(layer: LayerNorm) -> Build | None:
    affine, bias = "weight" in layer.params, "bias" in layer.params
    if bias and not affine:
        return None
    options: dict[str, object] = {"eps": layer.eps, "elementwise_affine": affine, "bias": bias}
    return Build("LayerNorm", (layer.shape,), options)


@of_layer.register
def _convolution(layer: Convolution) -> Build | None:
    w = layer.windows
    options: dict[str, object] = {"stride": w.stride, "padding": padding_of(layer)}
    options |= {"dilation": w.dilation, "bias": "bias" in layer.params}
    return Build(f"Conv{layer.axes}d", (layer.n_in, layer.n_out, w.kernel), options)


@of_layer.register
def _pool(layer: Pool) -> Build | None:
    kind, w = "MaxPool" if isinstance(layer, MaxPool) else "AvgPool", layer.windows
    sizes = w.kernel, w.stride, padding_of(layer)
    return Build(f"{kind}{w.axes}d", tuple([each[0] if w.axes == 1 else each for each in sizes]))


@of_layer.register
def _clip(layer: Clip) -> Build | None:
    low, high = layer.low, layer.high
    limits = -float("inf") if low is None else low, float("inf") if high is None else high
    return Build("Hardtanh", limits) if limits[0] < limits[1] else None


@of_layer.register
def _dropout(layer: Dropout) -> Build | None:
    return Build("Dropout", (layer.p,)) if layer.per == "step" else None


@of_layer.register
def _reshape(layer: Reshape) -> Build | None:
    if len(layer.from_shape) == 1:
        return Build("Unflatten", (-1, layer.to_shape))
    return Build("Flatten", (-len(layer.from_shape),)) if len(layer.to_shape) == 1 else None


@of_layer.register
def _embedding(layer: Embedding) -> Build | None:
    return Build("Embedding", (layer.n_symbols, layer.n_out))


@of_layer.register
def _flatten(layer: Flatten) -> Build | None:
    return Build("Flatten", (-layer.n_axes,))


@of_layer.register
def _leaky(layer: LeakyReLU) -> Build | None:
    return Build("LeakyReLU", (layer.slope,))


@of_layer.register
def _elu(layer: ELU) -> Build | None:
    return Build("ELU", (layer.alpha,))


@of_layer.register
def _over_features(layer: Softmax | LogSoftmax) -> Build | None:
    return Build(type(layer).__name__, (-1,))
