"""Layers of Keras that are not recurrent, as those of this library."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rnnbp.graph.over_time import MaxOverTime, MeanOverTime
from rnnbp.graph.sequential import Item
from rnnbp.interchange.keras_models.activations import activation_items
from rnnbp.interchange.keras_models.library import KerasLayer, array_of, check_built, refusal
from rnnbp.layers import (
    ELU,
    Dense,
    Dropout,
    Embedding,
    GaussianNoise,
    LayerNorm,
    LeakyReLU,
    ReLU,
    Scale,
    Softmax,
)

Reader = Callable[[KerasLayer, "str | None"], list[Item]]
"""The layers here of one of Keras, of which the first has the name."""


def _dense(layer: KerasLayer, name: str | None) -> list[Item]:
    kernel = array_of(layer.kernel)
    dense = Dense(*kernel.shape, bias=layer.use_bias, dtype=kernel.dtype, rng=0, name=name)
    dense.params["weight"][...] = kernel.T
    if layer.use_bias:
        dense.params["bias"][...] = array_of(layer.bias)
    return [dense, *activation_items(layer, layer.activation)]


def _embedding(layer: KerasLayer, name: str | None) -> list[Item]:
    if layer.mask_zero:
        raise refusal(
            layer,
            "mask_zero=True: symbols 0 would be padding",
            "build it with mask_zero=False, and give predict and bptt the true lengths, lengths=",
        )
    weight = array_of(layer.embeddings)
    found = Embedding(*weight.shape, dtype=weight.dtype, rng=0, name=name)
    found.params["weight"][...] = weight
    return [found]


def _norm(layer: KerasLayer, name: str | None) -> list[Item]:
    axes = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    shape: tuple[int, ...] = (layer.get_build_config() or {})["input_shape"]
    if list(axes) not in ([-1], [len(shape) - 1]):
        raise refusal(layer, f"axis={list(axes)}, here it is the last one", "build it with axis=-1")
    if layer.rms_scaling:
        raise refusal(layer, "rms_scaling=True", "build it without; LayerNorm subtracts the mean")
    arrays = {"weight": layer.gamma, "bias": layer.beta}
    known = {key: array_of(value) for key, value in arrays.items() if value is not None}
    dtype = next((array.dtype for array in known.values()), "float32")
    has = {key: key in known for key in arrays}
    norm = LayerNorm(int(shape[-1]), eps=layer.epsilon, dtype=dtype, name=name, **has)
    for key, array in known.items():
        norm.params[key][...] = array
    return [norm]


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


READERS: Mapping[str, Reader] = {
    "Dense": _dense,
    "Embedding": _embedding,
    "LayerNormalization": _norm,
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


def items_of(layer: KerasLayer, name: str | None) -> list[Item]:
    """The layers of one that is not recurrent. Raises ValueError for what is not there."""
    check_built(layer)
    return READERS[type(layer).__name__](layer, name)
