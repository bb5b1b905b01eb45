"""Layers that have an ONNX operator of their own, or no ``lower``; all others are lowered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import singledispatch

import numpy as np

from rnnbp.interchange.onnx_out.lowering import lowered
from rnnbp.interchange.onnx_out.parts import Tensor
from rnnbp.interchange.onnx_out.writer import Writer
from rnnbp.layers import AvgPool, Embedding, LayerNorm, MaxPool, Mean, OneHot
from rnnbp.layers.base import Layer
from rnnbp.layers.constant import ConstantLayer
from rnnbp.layers.conv import Convolution
from rnnbp.layers.parameter import PARAMETER, ParameterLayer
from rnnbp.layers.pooling import Pool
from rnnbp.layers.windows import Sliding
from rnnbp.numerics import Shape


@singledispatch
def written(layer: Layer, to: Writer, args: Sequence[Tensor]) -> list[Tensor]:
    """The outputs of a layer in evaluation mode. Raises ValueError for one that has no form."""
    return lowered(to, layer, args)


@written.register
def _parameter(layer: ParameterLayer, to: Writer, args: Sequence[Tensor]) -> list[Tensor]:
    return [to.parameter(layer.params, PARAMETER)]


@written.register
def _constant(layer: ConstantLayer, to: Writer, args: Sequence[Tensor]) -> list[Tensor]:
    return [to.constant(layer.value.astype(to.dtype))]


@written.register
def _embedding(layer: Embedding, to: Writer, args: Sequence[Tensor]) -> list[Tensor]:
    (x,) = args
    weight = to.parameter(layer.params, "weight")
    return [to.emit("Gather", weight, x, shape=(*x.shape, layer.n_out), lead=x.lead, axis=0)]


@written.register
def _one_hot(layer: OneHot, to: Writer, args: Sequence[Tensor]) -> list[Tensor]:
    (x,) = args
    depth = to.constant(np.array(layer.n_symbols, np.int64))
    values = to.constant(np.array([0, 1], to.dtype))
    shape = (*x.shape, layer.n_symbols)
    return [to.emit("OneHot", x, depth, values, shape=shape, lead=x.lead, axis=-1)]


@written.register
def _layer_norm(layer: LayerNorm, to: Writer, args: Sequence[Tensor]) -> list[Tensor]:
    (x,), params = args, layer.params
    if "weight" in params:
        weight = to.parameter(params, "weight")
    else:
        weight = to.constant(np.ones(layer.shape, to.dtype))
    bias = to.parameter(params, "bias") if "bias" in params else None
    axis, eps = -len(layer.shape), layer.eps
    given = [x, weight] if bias is None else [x, weight, bias]
    return [to.emit("LayerNormalization", *given, shape=x.shape, axis=axis, epsilon=eps)]


@written.register
def _mean(layer: Mean, to: Writer, args: Sequence[Tensor]) -> list[Tensor]:
    (x,) = args
    return [to.reduced("ReduceMean", x, -1, (*x.shape[:-1], 1), keepdims=1)]


def _over_windows(
    to: Writer, kind: str, ts: Sequence[Tensor], taken: int, made: Shape, **more: object
) -> Tensor:
    """An operator that takes channels and one axis before them, on what has others.

    Args:
        ts: x, and parameters.
        taken: axes that it takes, channels and those of the windows.
        made: features of the result.
    """
    x, *params = ts
    inside = (1, *x.shape)[-taken:]
    flat = to.emit("Reshape", x, to.ints(-1, *inside), shape=inside, lead=1)
    y = to.emit(kind, flat, *params, shape=(1, *made)[-taken:], lead=1, **more)
    sizes = to.emit("Shape", x, shape=(x.lead,), lead=0, start=0, end=x.lead)
    whole = to.emit("Concat", sizes, to.ints(*made), shape=(x.lead + len(made),), lead=0, axis=0)
    return to.emit("Reshape", y, whole, shape=made, lead=x.lead)


def _sliding(windows: Sliding) -> dict[str, object]:
    before, after = zip(*windows.padding, strict=True)
    found = {"kernel_shape": windows.kernel, "strides": windows.stride, "pads": (*before, *after)}
    return {key: list(value) for key, value in found.items()}


@written.register
def _convolution(layer: Convolution, to: Writer, args: Sequence[Tensor]) -> list[Tensor]:
    params = [to.parameter(layer.params, key) for key in layer.params]
    more = _sliding(layer.windows) | {"dilations": list(layer.windows.dilation)}
    return [_windowed(to, "Conv", layer, [*args, *params], more)]


@written.register
def _largest(layer: MaxPool, to: Writer, args: Sequence[Tensor]) -> list[Tensor]:
    return [_windowed(to, "MaxPool", layer, args, _sliding(layer.windows))]


@written.register
def _average(layer: AvgPool, to: Writer, args: Sequence[Tensor]) -> list[Tensor]:
    more = _sliding(layer.windows) | {"count_include_pad": 1}
    return [_windowed(to, "AveragePool", layer, args, more)]


def _windowed(
    to: Writer,
    kind: str,
    layer: Convolution | Pool,
    ts: Sequence[Tensor],
    more: Mapping[str, object],
) -> Tensor:
    (made,) = layer.output_shapes(ts[0].shape)
    assert made is not None
    return _over_windows(to, kind, ts, layer.windows.axes + 1, made, **more)
