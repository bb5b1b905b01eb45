"""Layers of Keras over the axes of one step or one example: convolution, pooling, flattening.

Keras has channels last, (length, channels), the layers here (channels, length): they stand between
two transposes, which cancel each other where two of them meet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rnnbp.graph.sequential import Item
from rnnbp.interchange.keras_models.activations import activation_items
from rnnbp.interchange.keras_models.library import KerasLayer, array_of, input_shape, refusal
from rnnbp.layers import AvgPool, Conv1D, Flatten, MaxPool, Reshape
from rnnbp.layers.product import Transpose

ONE_AXIS = 1
"""Feature axes of a vector, which Flatten leaves as it is."""


def _convolution(layer: KerasLayer, name: str | None) -> list[Item]:
    _check_last(layer)
    same = layer.padding == "same"
    if layer.padding not in ("valid", "same") or (same and layer.strides != (1,)):
        found = f"padding={layer.padding!r} with strides={layer.strides}"
        raise refusal(layer, found, "build it with padding='valid', or 'same' with strides=1")
    if layer.groups != 1:
        raise refusal(layer, f"groups={layer.groups}", "build it with groups=1")
    kernel = array_of(layer.kernel)
    length, n_in, n_out = kernel.shape
    conv = Conv1D(
        n_in,
        n_out,
        length,
        stride=layer.strides[0],
        padding=layer.padding,
        dilation=layer.dilation_rate[0],
        bias=layer.use_bias,
        dtype=kernel.dtype,
        rng=0,
        name=name,
    )
    conv.params["weight"][...] = kernel.transpose(2, 1, 0)
    if layer.use_bias:
        conv.params["bias"][...] = array_of(layer.bias)
    return [Transpose(), conv, Transpose(), *activation_items(layer, layer.activation)]


def _pool(kind: type[MaxPool] | type[AvgPool]) -> Callable[[KerasLayer, str | None], list[Item]]:
    def read(layer: KerasLayer, name: str | None) -> list[Item]:
        _check_last(layer)
        if layer.padding != "valid":
            raise refusal(layer, f"padding={layer.padding!r}", "build it with padding='valid'")
        pool = kind(layer.pool_size[0], layer.strides[0], name=name)
        return [Transpose(), pool, Transpose()]

    return read


def _flatten(layer: KerasLayer, name: str | None) -> list[Item]:
    _check_last(layer)
    axes = len(_features(layer))
    return [] if axes == ONE_AXIS else [Flatten(axes, name=name)]


def _reshape(layer: KerasLayer, name: str | None) -> list[Item]:
    features, target = _features(layer), tuple(layer.target_shape)
    if None in features or -1 in target:
        raise refusal(
            layer,
            f"from {features} to {target}, of which a size is unknown",
            "say all sizes, in keras.Input and in target_shape",
        )
    return [Reshape(features, target, name=name)]


def _permute(layer: KerasLayer, name: str | None) -> list[Item]:
    if tuple(layer.dims) != (2, 1):
        found = f"dims={tuple(layer.dims)}, and only two axes can change places here"
        raise refusal(layer, found, "use (2, 1), or Reshape")
    return [Transpose(name=name)]


def _features(layer: KerasLayer) -> tuple[int, ...]:
    shape = input_shape(layer)
    if not shape and len(nodes := layer._inbound_nodes) == 1:
        shape = tuple(nodes[0].input_tensors[0].shape)
    if not shape:
        raise refusal(
            layer, "the shape of its input is not known", "begin the model with a keras.Input"
        )
    return shape[1:]


def _check_last(layer: KerasLayer) -> None:
    if layer.data_format != "channels_last":
        found = f"data_format={layer.data_format!r}"
        raise refusal(layer, found, "build it with data_format='channels_last'")


SPATIAL: Mapping[str, Callable[[KerasLayer, str | None], list[Item]]] = {
    "Conv1D": _convolution,
    "MaxPooling1D": _pool(MaxPool),
    "AveragePooling1D": _pool(AvgPool),
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Permute": _permute,
}
"""By the name of a class of Keras."""
