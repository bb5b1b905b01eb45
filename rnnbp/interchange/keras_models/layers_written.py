"""Layers of this library that are not recurrent, as those of Keras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import TypeAlias

from rnnbp.interchange.keras_models.activations import LAYERS
from rnnbp.interchange.keras_models.library import KerasLayer
from rnnbp.interchange.keras_models.pieces import refused
from rnnbp.layers import (
    ELU,
    Dense,
    Dropout,
    Embedding,
    GaussianNoise,
    LayerNorm,
    LeakyReLU,
    Scale,
)
from rnnbp.layers.base import Layer
from rnnbp.numerics import Array

Common: TypeAlias = Mapping[str, object]
"""The name and the dtype of a layer of Keras."""
ACTIVATIONS = {type(make()): name for name, make in LAYERS.items()}
"""By the class of a layer without weights, the activation of Keras."""


def with_weights(layer: KerasLayer, shape: Sequence[int | None], arrays: list[Array]) -> KerasLayer:
    """A layer of Keras, built for inputs of ``shape``, with these weights."""
    layer.build(tuple(shape))
    layer.set_weights(arrays)
    return layer


def _dense(keras: ModuleType, dense: Dense, common: Common) -> KerasLayer:
    if "weight" not in dense.params:
        raise refused(dense, "it has several inputs, and a layer of Keras one")
    bias = "bias" in dense.params
    arrays = [dense.params["weight"].T, *([dense.params["bias"]] if bias else [])]
    layer = keras.layers.Dense(dense.n_out, use_bias=bias, **common)
    return with_weights(layer, (None, dense.n_in[0]), arrays)


def _embedding(keras: ModuleType, layer: Embedding, common: Common) -> KerasLayer:
    found = keras.layers.Embedding(layer.n_symbols, layer.n_out, **common)
    return with_weights(found, (None, None), [layer.params["weight"]])


def _norm(keras: ModuleType, norm: LayerNorm, common: Common) -> KerasLayer:
    if len(norm.shape) > 1:
        raise refused(norm, "it is over several axes", "give LayerNorm a size, of the last axis")
    options = {"scale": "weight" in norm.params, "center": "bias" in norm.params}
    layer = keras.layers.LayerNormalization(epsilon=norm.eps, **options, **common)
    return with_weights(layer, (None, *norm.shape), [*norm.params.values()])


def _dropout(keras: ModuleType, layer: Dropout, common: Common, *, static: bool) -> KerasLayer:
    spatial = layer.per == "sequence" and not static
    return (keras.layers.SpatialDropout1D if spatial else keras.layers.Dropout)(layer.p, **common)


def keras_layer(keras: ModuleType, layer: Layer, common: Common, *, static: bool) -> KerasLayer:
    """A layer of Keras. Raises ValueError for one that Keras does not have."""
    match layer:
        case Dense():
            return _dense(keras, layer, common)
        case Embedding():
            return _embedding(keras, layer, common)
        case LayerNorm():
            return _norm(keras, layer, common)
        case Dropout():
            return _dropout(keras, layer, common, static=static)
        case GaussianNoise() if layer.per == "step":
            return keras.layers.GaussianNoise(layer.sigma, **common)
        case Scale() if isinstance(layer.scale, float) and isinstance(layer.shift, float):
            return keras.layers.Rescaling(layer.scale, layer.shift, **common)
        case LeakyReLU():
            return keras.layers.LeakyReLU(layer.slope, **common)
        case ELU():
            return keras.layers.ELU(layer.alpha, **common)
    if type(layer) in ACTIVATIONS:
        return keras.layers.Activation(ACTIVATIONS[type(layer)], **common)
    raise refused(layer, "there is no layer like it in Keras")
