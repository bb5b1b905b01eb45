"""Convolution, pooling and flattening of this library, with channels first, as those of Keras."""

from __future__ import annotations

from types import ModuleType

from rnnbp.interchange.keras_models.layers_written import Common, with_weights
from rnnbp.interchange.keras_models.library import KerasLayer
from rnnbp.interchange.keras_models.pieces import refused
from rnnbp.layers import AvgPool, Conv1D, Flatten, MaxPool, Mean, Reshape
from rnnbp.layers.base import Layer
from rnnbp.layers.product import Transpose

SWAP = "swap"
"""Stands for a Permute((2, 1)), of which two that follow each other cancel."""
SPATIAL = (Conv1D, MaxPool, AvgPool, Mean, Flatten, Reshape, Transpose)


def spatial_layers(
    keras: ModuleType, layer: Layer, common: Common, axes: int | None
) -> tuple[list[KerasLayer], int | None]:
    """The layers of Keras of one here, and the feature axes of their output.

    Args:
        keras: the library.
        layer: one of ``SPATIAL``.
        common: the name and dtype.
        axes: the feature axes of its input, None where they are not known.
    """
    match layer:
        case Transpose():
            return [SWAP], 2
        case Conv1D():
            return [SWAP, _convolution(keras, layer, common), SWAP], 2
        case MaxPool() | AvgPool():
            return [SWAP, _pool(keras, layer, common), SWAP], 2
        case Mean() if axes == 2:
            mean = keras.layers.GlobalAveragePooling1D(keepdims=True, **common)
            return [SWAP, mean, SWAP], 2
        case Reshape():
            return [keras.layers.Reshape(layer.to_shape, **common)], len(layer.to_shape)
        case Flatten() if layer.n_axes == axes:
            return [keras.layers.Flatten(**common)], 1
    if isinstance(layer, Mean):
        raise refused(layer, "Keras has it over one of two axes, as after Conv1D")
    raise refused(
        layer,
        f"a Flatten of Keras merges all axes, and those of its input are {axes or 'not known'}",
        "put it after a layer whose axes are known, as Reshape, or say them as Reshape",
    )


def _convolution(keras: ModuleType, conv: Conv1D, common: Common) -> KerasLayer:
    windows = conv.windows
    (kernel,), (stride,), (dilation,) = windows.kernel, windows.stride, windows.dilation
    total = dilation * (kernel - 1)
    paddings = {(0, 0): "valid"}
    if stride == 1:
        paddings.setdefault((total // 2, total - total // 2), "same")
    (pads,) = windows.padding
    if pads not in paddings:
        raise refused(conv, f"Keras has no padding={pads}", "build it with 'valid' or 'same'")
    layer = keras.layers.Conv1D(
        conv.n_out,
        kernel,
        strides=stride,
        padding=paddings[pads],
        dilation_rate=dilation,
        use_bias="bias" in conv.params,
        **common,
    )
    weight, *bias = conv.params.values()
    return with_weights(layer, (None, None, conv.n_in), [weight.transpose(2, 1, 0), *bias])


def _pool(keras: ModuleType, pool: MaxPool | AvgPool, common: Common) -> KerasLayer:
    windows = pool.windows
    if windows.axes != 1 or any(map(any, windows.padding)):
        raise refused(pool, "Keras has it over one axis, without padding", "build it like that")
    kind = "MaxPooling1D" if isinstance(pool, MaxPool) else "AveragePooling1D"
    return getattr(keras.layers, kind)(windows.kernel[0], strides=windows.stride[0], **common)
