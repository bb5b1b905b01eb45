"""The library's layers as files name them: the arguments that each is built from."""

from __future__ import annotations

from operator import attrgetter

import numpy as np

from rnnbp import layers
from rnnbp.graph.cells.lru import Cos, Sin
from rnnbp.graph.cells.moving import Toward
from rnnbp.initializers import Initializer, initialize
from rnnbp.layers.additive_scores import AdditiveScores
from rnnbp.layers.base import Layer
from rnnbp.layers.constant import ConstantLayer
from rnnbp.layers.dense import Dense
from rnnbp.layers.masked import Masked
from rnnbp.layers.one_hot import OneHot
from rnnbp.layers.parameter import PARAMETER, ParameterLayer
from rnnbp.layers.product import Product, Transpose
from rnnbp.numerics import Dtype, Shape
from rnnbp.saving.kinds import Kind, Read, kind

OF_BOTH = "weight_init bias_init"


def _has(*keys: str) -> dict[str, Read]:
    """Flags of parameters that a layer has or lacks."""
    return {key: _holds(key) for key in keys}


def _holds(key: str) -> Read:
    return lambda layer: key in layer.params


def _sizes(layer: Layer) -> object:
    """The n_in of a Dense: a number where it was built of one, else a tuple."""
    assert isinstance(layer, Dense)
    return layer.n_in[0] if "weight" in layer.params else layer.n_in


def padding_of(layer: Layer) -> Shape | str:
    """The padding of a layer of windows: numbers, or "same" where one side has more."""
    pads: tuple[tuple[int, int], ...] = attrgetter("windows.padding")(layer)
    even = all(before == after for before, after in pads)
    return tuple([before for before, _ in pads]) if even else "same"


def _windows(*names: str) -> dict[str, Read]:
    return {"padding": padding_of} | {name: attrgetter(f"windows.{name}") for name in names}


def _shape(layer: Layer) -> object:
    return layer.params[PARAMETER].shape


def _parameter(
    shape: Shape, *, weight_init: Initializer, dtype: Dtype, name: str | None = None
) -> Layer:
    value = initialize(weight_init, np.random.default_rng(0), shape, dtype, "Parameter")
    return ParameterLayer(value, name=name)


def _convolution(cls: type[Layer]) -> Kind:
    more = _has("bias") | _windows("kernel", "stride", "dilation")
    return kind(cls, "n_in n_out", more, initial=OF_BOTH)


def _pool(cls: type[Layer]) -> Kind:
    return kind(cls, "", _windows("kernel", "stride"))


PLAIN: dict[type[Layer], str] = {
    **dict.fromkeys((layers.Abs, layers.Divide, layers.Exp, layers.GELU, layers.Identity), ""),
    **dict.fromkeys((layers.Log, layers.LogSoftmax, layers.MatVec, layers.Maximum), ""),
    **dict.fromkeys((layers.Mean, layers.Minimum, layers.Multiply, layers.ReLU), ""),
    **dict.fromkeys((layers.Reciprocal, layers.Sigmoid, layers.Softmax, layers.Softplus), ""),
    **dict.fromkeys((layers.Sqrt, layers.Square, layers.Subtract, layers.Sum, layers.Tanh), ""),
    **dict.fromkeys((Cos, Sin, Toward, Transpose), ""),
    ConstantLayer: "value",
    Masked: "fill",
    Product: "turned columns size",
    layers.Add: "n_inputs",
    layers.Clip: "low high",
    layers.Concat: "*sizes",
    layers.Dropout: "p per",
    layers.ELU: "alpha",
    layers.Flatten: "n_axes",
    layers.GaussianNoise: "sigma per",
    layers.LeakyReLU: "slope",
    layers.Penalty: "l1 l2",
    layers.Reshape: "from_shape to_shape",
    layers.Scale: "scale shift",
    layers.Slice: "n_in start stop",
    layers.Split: "*sizes",
    layers.Zoneout: "rate per",
}
"""Layers without parameters whose arguments are attributes of the same names."""
KINDS: dict[type[Layer], Kind] = {cls: kind(cls, names) for cls, names in PLAIN.items()} | {
    AdditiveScores: kind(AdditiveScores, "n", initial="weight_init"),
    Dense: kind(Dense, "n_out", {"n_in": _sizes} | _has("bias"), initial=OF_BOTH),
    OneHot: kind(OneHot, "n_symbols", {"dtype": attrgetter("dtype.name")}),
    ParameterLayer: kind(_parameter, "", {"shape": _shape}, initial="weight_init"),
    layers.AvgPool: _pool(layers.AvgPool),
    layers.Conv1D: _convolution(layers.Conv1D),
    layers.Conv2D: _convolution(layers.Conv2D),
    layers.Embedding: kind(layers.Embedding, "n_symbols n_out", initial="weight_init"),
    layers.Gain: kind(layers.Gain, "n", initial="weight_init"),
    layers.LayerNorm: kind(layers.LayerNorm, "shape eps", _has("weight", "bias"), sized="shape"),
    layers.MaxPool: _pool(layers.MaxPool),
}
"""By class."""
NAMED: dict[str, Kind] = {cls.__name__: found for cls, found in KINDS.items()}
"""By the name in a file."""
