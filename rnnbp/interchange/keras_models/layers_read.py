"""Layers of Keras that are not recurrent, as those of this library."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rnnbp.graph.sequential import Item
from rnnbp.interchange.keras_models.activations import activation_items
from rnnbp.interchange.keras_models.library import (
    KerasLayer,
    array_of,
    check_built,
    input_shape,
    refusal,
)
from rnnbp.interchange.keras_models.weightless_read import WEIGHTLESS
from rnnbp.layers import Dense, Embedding, LayerNorm

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
    shape = input_shape(layer)
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


READERS: Mapping[str, Reader] = {
    "Dense": _dense,
    "Embedding": _embedding,
    "LayerNormalization": _norm,
    **WEIGHTLESS,
}
"""By the name of a class of Keras."""


def items_of(layer: KerasLayer, name: str | None) -> list[Item]:
    """The layers of one that is not recurrent. Raises ValueError for what is not there."""
    check_built(layer)
    return READERS[type(layer).__name__](layer, name)
