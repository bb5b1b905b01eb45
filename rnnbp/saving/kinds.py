"""The library's layers as files name them: the arguments that each is built from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import TypeAlias

import numpy as np

from rnnbp.graph.cells.lru import Cos, Sin
from rnnbp.graph.cells.moving import Toward
from rnnbp.initializers import Initializer
from rnnbp.layers import (
    ELU,
    GELU,
    Abs,
    Add,
    AvgPool,
    Clip,
    Concat,
    Conv1D,
    Conv2D,
    Dense,
    Divide,
    Dropout,
    Embedding,
    Exp,
    Flatten,
    Gain,
    GaussianNoise,
    Identity,
    LayerNorm,
    LeakyReLU,
    Log,
    LogSoftmax,
    MatVec,
    Maximum,
    MaxPool,
    Mean,
    Minimum,
    Multiply,
    OneHot,
    Penalty,
    Reciprocal,
    ReLU,
    Reshape,
    Scale,
    Sigmoid,
    Slice,
    Softmax,
    Softplus,
    Split,
    Sqrt,
    Square,
    Subtract,
    Sum,
    Tanh,
    Zoneout,
)
from rnnbp.layers.additive_scores import AdditiveScores
from rnnbp.layers.base import Layer
from rnnbp.layers.constant import ConstantLayer
from rnnbp.layers.masked import Masked
from rnnbp.layers.parameter import PARAMETER, ParameterLayer
from rnnbp.layers.product import Product, Transpose
from rnnbp.numerics import Array, Dtype, Shape, shown

Read: TypeAlias = Callable[[Layer], object]
"""Reads an argument of the constructor from a layer, as it is now."""


@dataclass(frozen=True)
class Kind:
    """How layers of a class are built again.

    Attributes:
        make: the class, or what builds one.
        arguments: what reads each argument.
        spread: the argument whose items the constructor takes one by one; "" for none.
        initial: arguments that are initializers of parameters.
        sized: the argument that is the shape of all parameters; "" for none.
    """

    make: Callable[..., Layer]
    arguments: Mapping[str, Read]
    spread: str = ""
    initial: tuple[str, ...] = ()
    sized: str = ""

    def options(self, layer: Layer) -> dict[str, object]:
        """The arguments that a layer would be built from."""
        named = {} if layer.name is None else {"name": layer.name}
        return {name: read(layer) for name, read in self.arguments.items()} | named

    def build(self, options: Mapping[str, object], arrays: Mapping[str, Array]) -> Layer:
        """A layer with these parameters, or copies of them.

        Raises what its constructor raises, ValueError for arrays of other shapes: before anything
        of their size is allocated.
        """
        given = dict(options)
        if self.sized and any(given.get(self.sized) != a.shape for a in arrays.values()):
            raise ValueError(f"its {self.sized} {shown(given.get(self.sized))} is not that of all")
        if self.initial:
            given |= dict.fromkeys(self.initial, _initializer(arrays))
            given["dtype"] = np.result_type(*arrays.values()) if arrays else np.float32
        items = given.pop(self.spread, ())
        if not isinstance(items, tuple):
            raise TypeError(f"its {self.spread} are {shown(items)}")
        return self.make(*items, **given)


def _initializer(arrays: Mapping[str, Array]) -> Initializer:
    """What returns the array of a shape, or one line of it."""

    def initial(_: np.random.Generator, shape: Shape) -> Array:
        for array in arrays.values():
            if shape in (array.shape, (1, *array.shape)):
                return array.reshape(shape)
        raise ValueError(f"it has no parameter of shape {shape}")

    return initial


def _kind(
    cls: Callable[..., Layer], names: str = "", initial: str = "", sized: str = "", **readers: Read
) -> Kind:
    """A Kind whose arguments are attributes by their names, one with a * spread, or are read."""
    given = names.split()
    plain = {name.removeprefix("*"): attrgetter(name.removeprefix("*")) for name in given}
    spread = next((name[1:] for name in given if name.startswith("*")), "")
    return Kind(cls, plain | readers, spread, tuple(initial.split()), sized)


def _has(key: str) -> Read:
    return lambda layer: key in layer.params


def _sizes(layer: Layer) -> object:
    """The n_in of a Dense: a number where it was built of one, else a tuple."""
    assert isinstance(layer, Dense)
    return layer.n_in[0] if "weight" in layer.params else layer.n_in


def _pads(layer: Layer) -> object:
    """The padding of windows: numbers, or "same" where one side has more."""
    pads: tuple[tuple[int, int], ...] = attrgetter("windows.padding")(layer)
    even = all(before == after for before, after in pads)
    return tuple([before for before, _ in pads]) if even else "same"


def _windows(*names: str) -> dict[str, Read]:
    return {"padding": _pads} | {name: attrgetter(f"windows.{name}") for name in names}


def _pool(cls: Callable[..., Layer]) -> Kind:
    return _kind(cls, **_windows("kernel", "stride"))


def _convolution(cls: Callable[..., Layer]) -> Kind:
    windows = _windows("kernel", "stride", "dilation")
    return _kind(cls, "n_in n_out", BOTH, bias=_has("bias"), **windows)


def _dtype(layer: Layer) -> object:
    assert isinstance(layer, OneHot)
    return layer.dtype.name


def _shape(layer: Layer) -> object:
    return layer.params[PARAMETER].shape


def _parameter(
    shape: Shape, *, weight_init: Initializer, dtype: Dtype, name: str | None = None
) -> Layer:
    value: Array = np.asarray(weight_init(np.random.default_rng(0), shape), dtype)
    return ParameterLayer(value, name=name)


BOTH = "weight_init bias_init"
KINDS: dict[type[Layer], Kind] = {
    **{
        cls: _kind(cls)
        for cls in (Abs, Cos, Divide, Exp, GELU, Identity, Log, LogSoftmax, MatVec, Maximum, Mean)
    },
    **{
        cls: _kind(cls)
        for cls in (Minimum, Multiply, ReLU, Reciprocal, Sigmoid, Sin, Softmax, Softplus, Sqrt)
    },
    **{cls: _kind(cls) for cls in (Square, Subtract, Sum, Tanh, Toward, Transpose)},
    Add: _kind(Add, "n_inputs"),
    AdditiveScores: _kind(AdditiveScores, "n", "weight_init"),
    AvgPool: _pool(AvgPool),
    Clip: _kind(Clip, "low high"),
    Concat: _kind(Concat, "*sizes"),
    ConstantLayer: _kind(ConstantLayer, "value"),
    Conv1D: _convolution(Conv1D),
    Conv2D: _convolution(Conv2D),
    Dense: _kind(Dense, "n_out", BOTH, n_in=_sizes, bias=_has("bias")),
    Dropout: _kind(Dropout, "p per"),
    ELU: _kind(ELU, "alpha"),
    Embedding: _kind(Embedding, "n_symbols n_out", "weight_init"),
    Flatten: _kind(Flatten, "n_axes"),
    Gain: _kind(Gain, "n", "weight_init"),
    GaussianNoise: _kind(GaussianNoise, "sigma per"),
    LayerNorm: _kind(
        LayerNorm, "shape eps", sized="shape", weight=_has("weight"), bias=_has("bias")
    ),
    LeakyReLU: _kind(LeakyReLU, "slope"),
    Masked: _kind(Masked, "fill"),
    MaxPool: _pool(MaxPool),
    OneHot: _kind(OneHot, "n_symbols", dtype=_dtype),
    ParameterLayer: _kind(_parameter, "", "weight_init", shape=_shape),
    Penalty: _kind(Penalty, "l1 l2"),
    Product: _kind(Product, "turned columns size"),
    Reshape: _kind(Reshape, "from_shape to_shape"),
    Scale: _kind(Scale, "scale shift"),
    Slice: _kind(Slice, "n_in start stop"),
    Split: _kind(Split, "*sizes"),
    Zoneout: _kind(Zoneout, "rate per"),
}
"""By class."""
NAMED = {cls.__name__: kind for cls, kind in KINDS.items()}
"""By the name in a file."""
