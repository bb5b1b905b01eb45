"""Layers that have an ONNX operator of their own, or no ``lower``; all others are lowered."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch

import numpy as np

from rnnbp.graph.cells.lru import Cos, Sin
from rnnbp.interchange.onnx_out.lowering import lowered
from rnnbp.interchange.onnx_out.parts import Tensor
from rnnbp.interchange.onnx_out.shaping import reduced
from rnnbp.interchange.onnx_out.windowed import sliding, windowed
from rnnbp.interchange.onnx_out.writer import DoubleError, Writer
from rnnbp.layers import AvgPool, Embedding, LayerNorm, MaxPool, Mean, OneHot
from rnnbp.layers.base import Layer
from rnnbp.layers.constant import ConstantLayer
from rnnbp.layers.conv import Convolution
from rnnbp.layers.parameter import PARAMETER, ParameterLayer


def written(layer: Layer, to: Writer, args: Sequence[Tensor]) -> list[Tensor]:
    """The outputs of a layer in evaluation mode. Raises ValueError for one that has no form."""
    try:
        return _form(layer, to, args)
    except DoubleError as error:
        raise ValueError(
            f"to_onnx: {layer} of float64 needs {error}, which onnxruntime has in float32 alone; "
            "export model.astype('float32')"
        ) from None


@singledispatch
def _form(layer: Layer, to: Writer, args: Sequence[Tensor]) -> list[Tensor]:
    return lowered(to, layer, args)


@_form.register
def _parameter(layer: ParameterLayer, to: Writer, args: Sequence[Tensor]) -> list[Tensor]:
    return [to.parameter(layer.params, PARAMETER)]


@_form.register
def _constant(layer: ConstantLayer, to: Writer, args: Sequence[Tensor]) -> list[Tensor]:
    return [to.constant(layer.value.astype(to.dtype))]


@_form.register
def _sine(layer: Sin, to: Writer, args: Sequence[Tensor]) -> list[Tensor]:
    return [to.emit("Sin", *args, shape=args[0].shape)]


@_form.register
def _cosine(layer: Cos, to: Writer, args: Sequence[Tensor]) -> list[Tensor]:
    return [to.emit("Cos", *args, shape=args[0].shape)]


@_form.register
def _embedding(layer: Embedding, to: Writer, args: Sequence[Tensor]) -> list[Tensor]:
    (x,) = args
    weight = to.parameter(layer.params, "weight")
    return [to.emit("Gather", weight, x, shape=(*x.shape, layer.n_out), lead=x.lead, axis=0)]


@_form.register
def _one_hot(layer: OneHot, to: Writer, args: Sequence[Tensor]) -> list[Tensor]:
    (x,) = args
    depth = to.constant(np.array(layer.n_symbols, np.int64))
    values = to.constant(np.array([0, 1], np.float32))
    shape = (*x.shape, layer.n_symbols)
    found = to.emit("OneHot", x, depth, values, shape=shape, lead=x.lead, axis=-1)
    return [found if to.dtype == np.float32 else to.emit("Cast", found, shape=shape, to=to.dtype)]


@_form.register
def _layer_norm(layer: LayerNorm, to: Writer, args: Sequence[Tensor]) -> list[Tensor]:
    (x,), params = args, layer.params
    if to.dtype == np.float64:  # the operator's ε is a number of single precision
        return lowered(to, layer, args)
    given = [to.parameter(params, key) for key in params]
    if "weight" not in params:
        given.insert(0, to.constant(np.ones(layer.shape, to.dtype)))
    axis, eps = -len(layer.shape), layer.eps
    return [to.emit("LayerNormalization", x, *given, shape=x.shape, axis=axis, epsilon=eps)]


@_form.register
def _mean(layer: Mean, to: Writer, args: Sequence[Tensor]) -> list[Tensor]:
    (x,) = args
    return [reduced(to, "ReduceMean", x, -1, (*x.shape[:-1], 1))]


@_form.register
def _convolution(layer: Convolution, to: Writer, args: Sequence[Tensor]) -> list[Tensor]:
    params = [to.parameter(layer.params, key) for key in layer.params]
    more = sliding(layer.windows) | {"dilations": list(layer.windows.dilation)}
    return [windowed(to, "Conv", layer, [*args, *params], more)]


@_form.register
def _largest(layer: MaxPool, to: Writer, args: Sequence[Tensor]) -> list[Tensor]:
    return [windowed(to, "MaxPool", layer, args, sliding(layer.windows))]


@_form.register
def _average(layer: AvgPool, to: Writer, args: Sequence[Tensor]) -> list[Tensor]:
    more = sliding(layer.windows) | {"count_include_pad": 1}
    return [windowed(to, "AveragePool", layer, args, more)]
