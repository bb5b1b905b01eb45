"""Layers of Keras without weights, as those of this library."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rnnbp.graph.over_time import MaxOverTime, MeanOverTime
from rnnbp.graph.sequential import Item
from rnnbp.interchange.keras_models.activations import activation_items
from rnnbp.interchange.keras_models.library import KerasLayer, refusal
from rnnbp.layers import ELU, Dropout, GaussianNoise, LeakyReLU, ReLU, Scale, Softmax


def _dropout(layer: KerasLayer, name: str | None) -> list[Item]:
    if (shape := layer.noise_shape) is None:
        return [Dropout(layer.rate, name=name)]
    if len(shape) != 3 or shape[1] != 1 or shape[2] == 1:
        raise refusal(
            layer,
            f"noise_shape={tuple(shape)}",
            "leave it out, for a mask at each step, or give (None, 1, features), for one mask for "
            "all steps of a sequence",
        )
    return [Dropout(layer.rate, per="sequence", name=name)]


def _relu(layer: KerasLayer, name: str | None) -> list[Item]:
    if layer.max_value is not None or layer.threshold:
        found = f"max_value={layer.max_value}, threshold={layer.threshold}"
        raise refusal(layer, found, "leave them out, or put a rnnbp.Clip in its place")
    return [_leaky(float(layer.negative_slope), name)]


def _leaky(slope: float, name: str | None) -> Item:
    return LeakyReLU(slope, name=name) if slope else ReLU(name=name)


def _softmax(layer: KerasLayer, name: str | None) -> list[Item]:
    if layer.axis != -1:
        raise refusal(layer, f"axis={layer.axis}, here it is the last", "build it with axis=-1")
    return [Softmax(name=name)]


def _rescaling(layer: KerasLayer, name: str | None) -> list[Item]:
    numbers = layer.scale, layer.offset
    if not all(isinstance(number, int | float) for number in numbers):
        found = f"scale={layer.scale}, offset={layer.offset}, which are no numbers"
        raise refusal(layer, found, "put x * array + array in a rnnbp.Graph in its place")
    return [Scale(*numbers, name=name)]


def _whole(layer: KerasLayer, pool: Item) -> Item:
    check_pool(layer)
    return pool


def check_pool(layer: KerasLayer) -> None:
    """Raise ValueError for a pool over all steps that keeps their axis, or has channels first."""
    if layer.keepdims or layer.data_format != "channels_last":
        found = f"keepdims={layer.keepdims}, data_format={layer.data_format!r}"
        raise refusal(layer, found, "leave these options out")


WEIGHTLESS: Mapping[str, Callable[[KerasLayer, str | None], list[Item]]] = {
    "Dropout": _dropout,
    "SpatialDropout1D": lambda layer, name: [Dropout(layer.rate, per="sequence", name=name)],
    "GaussianNoise": lambda layer, name: [GaussianNoise(layer.stddev, name=name)],
    "Activation": lambda layer, name: activation_items(layer, layer.activation),
    "ReLU": _relu,
    "LeakyReLU": lambda layer, name: [_leaky(float(layer.negative_slope), name)],
    "ELU": lambda layer, name: [ELU(float(layer.alpha), name=name)],
    "Softmax": _softmax,
    "Identity": lambda layer, name: [],
    "Rescaling": _rescaling,
    "GlobalAveragePooling1D": lambda layer, name: [_whole(layer, MeanOverTime())],
    "GlobalMaxPooling1D": lambda layer, name: [_whole(layer, MaxOverTime())],
}
"""By the name of a class of Keras."""
