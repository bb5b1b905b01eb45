"""Nodes of ONNX that are one layer: activations, products with weights, norms."""

from __future__ import annotations

import numpy as np

from rnnbp.graph.values import Value
from rnnbp.interchange.onnx_in.nodes import Call, Results, reads
from rnnbp.interchange.onnx_in.operands import Tensor, normal_axis
from rnnbp.interchange.onnx_in.shapes import axes_text, last_axis, one_axis
from rnnbp.layers import (
    ELU,
    GELU,
    Abs,
    Clip,
    Dense,
    Exp,
    LayerNorm,
    LeakyReLU,
    Log,
    LogSoftmax,
    Reciprocal,
    ReLU,
    Scale,
    Sigmoid,
    Softmax,
    Softplus,
    Sqrt,
    Tanh,
)
from rnnbp.layers.base import Layer
from rnnbp.numerics import Array

PLAIN: dict[str, type[Layer]] = {
    "Tanh": Tanh,
    "Sigmoid": Sigmoid,
    "Relu": ReLU,
    "Softplus": Softplus,
    "Exp": Exp,
    "Log": Log,
    "Sqrt": Sqrt,
    "Abs": Abs,
    "Reciprocal": Reciprocal,
}
"""Operators that are a layer without options."""


def elementwise(call: Call, layer: Layer) -> Tensor:
    """The tensor of an elementwise layer of the first operand."""
    given = call.tensor()
    return call.scope.like(given, call.scope.apply(layer, given.value))


@reads(*PLAIN)
def plain(call: Call) -> Results:
    """An elementwise function without options."""
    return elementwise(call, PLAIN[call.node.op_type]())


@reads("Neg")
def negative(call: Call) -> Results:
    return elementwise(call, Scale(-1.0))


@reads("LeakyRelu")
def leaky(call: Call) -> Results:
    return elementwise(call, LeakyReLU(call.attribute("alpha", 0.01)))


@reads("Elu")
def elu(call: Call) -> Results:
    return elementwise(call, ELU(call.attribute("alpha", 1.0)))


@reads("Gelu")
def gelu(call: Call) -> Results:
    if (form := call.attribute("approximate", "none")) != "none":
        call.refuse(f"attribute approximate = {form!r}", "take the exact form, 'none'")
    return elementwise(call, GELU())


@reads("HardSigmoid")
def hard_sigmoid(call: Call) -> Results:
    scaled = elementwise(call, Scale(call.attribute("alpha", 0.2), call.attribute("beta", 0.5)))
    return call.scope.like(scaled, call.scope.apply(Clip(0.0, 1.0), scaled.value))


@reads("Clip")
def clipped(call: Call) -> Results:
    """Limits, which older opsets have as attributes."""
    limits = []
    for k, name in ((1, "min"), (2, "max")):
        array = call.array(k)
        found = call.attribute(name, None) if array is None else float(array.reshape(-1)[0])
        limits.append(None if found is None or abs(found) > 3e38 else found)
    if limits == [None, None]:
        return call.tensor()
    return elementwise(call, Clip(*limits))


@reads("Softmax", "LogSoftmax")
def softmax(call: Call) -> Results:
    """Along the last axis of features."""
    given = call.tensor()
    axis = call.attribute("axis", -1 if call.opset >= 13 else 1)
    value = last_axis(call, given)
    last = normal_axis(axis, len(given.axes)) == len(given.axes) - 1
    # Before opset 13 all axes from ``axis`` on are one, which is the same where those are of 1.
    if not last and (call.opset >= 13 or any(a != 1 for a in given.axes[axis:-1])):
        call.refuse(f"attribute axis = {axis} is not the last of its input", "give axis=-1")
    block = Softmax() if call.node.op_type == "Softmax" else LogSoftmax()
    return call.scope.like(given, call.scope.apply(block, value))


@reads("MatMul")
def product(call: Call) -> Results:
    """A product with a matrix of weights."""
    if isinstance(call.get(1), Tensor):
        return _of_two(call, call.tensor(0), call.tensor(1))
    return dense(call, call.weight(1).T, None)


def _of_two(call: Call, a: Tensor, b: Tensor) -> Tensor:
    """A product of two matrices of features."""
    first, roles = a.axes[:-2], [a.axes[:-2], b.axes[:-2]]
    sizes = [*a.axes[-2:], *b.axes[-2:]]
    if roles[0] != roles[1] or any(isinstance(n, str) for n in (*first[2:], *sizes)):
        call.refuse(
            f"is a product of {axes_text(a.axes)} and {axes_text(b.axes)}",
            "products are of matrices of features at each step, or of features and weights",
        )
    found: Value = call.scope.shaped(a) @ call.scope.shaped(b)
    return Tensor(found, (*first, a.axes[-2], b.axes[-1]))


def dense(call: Call, weight: Array, bias: Array | None) -> Tensor:
    """W x + b of the first operand; W is (n_out, n_in)."""
    given = call.tensor()
    value = one_axis(call, given)
    if weight.ndim != 2 or value.shape != weight.shape[1:]:
        call.refuse(
            f"multiplies features {axes_text(given.axes)} by weights of shape {weight.T.shape}",
            "give weights (features, outputs)",
        )
    n_out, n_in = weight.shape
    dtype = call.scope.dtype_of(weight, str(call))
    layer = Dense(
        n_in,
        n_out,
        bias=bias is not None,
        weight_init=np.ascontiguousarray(weight, dtype),
        bias_init=None if bias is None else np.array(bias, dtype),
        dtype=dtype,
    )
    return Tensor(call.scope.apply(layer, value), (*given.axes[:-1], n_out))


@reads("Gemm")
def gemm(call: Call) -> Results:
    """α A B + β C."""
    alpha, beta = call.attribute("alpha", 1.0), call.attribute("beta", 1.0)
    if call.attribute("transA", 0):
        call.refuse("attribute transA = 1", "turn the input before it, by a Transpose")
    weight, bias = call.weight(1), call.array(2)
    weight = weight if call.attribute("transB", 0) else weight.T
    if bias is not None:
        bias = _row(call, bias, len(weight)) * bias.dtype.type(beta)
    return dense(call, weight * weight.dtype.type(alpha), bias)


def _row(call: Call, bias: Array, n: int) -> Array:
    """C of a Gemm as one number for each feature. Raises for what differs between rows."""
    if bias.size != 1 and bias.shape not in ((n,), (1, n)):
        call.refuse(
            f"adds a constant of shape {bias.shape} to {n} features",
            f"give one that is the same for every sequence, ({n},)",
        )
    return np.broadcast_to(bias.reshape(-1), (n,))


@reads("LayerNormalization")
def layer_norm(call: Call) -> Results:
    """A norm over all features."""
    given = call.tensor()
    axis = normal_axis(call.attribute("axis", -1), len(given.axes))
    eps = call.attribute("epsilon", 1e-5)
    call.attribute("stash_type", 1)
    shape = tuple([a for a in given.axes[axis:] if isinstance(a, int)])
    if len(shape) < len(given.axes) - axis or np.prod(shape) < np.prod(given.features):
        call.refuse(
            f"normalises axes {axes_text(given.axes[axis:])} of {axes_text(given.axes)}",
            "normalise over all features",
        )
    weight, bias = call.weight(1), call.array(2)
    dtype = call.scope.dtype_of(weight, str(call))
    layer = LayerNorm(shape, eps=eps, bias=bias is not None, dtype=dtype)
    layer.params["weight"][...] = np.broadcast_to(weight, shape)
    if bias is not None:
        layer.params["bias"][...] = np.broadcast_to(bias, shape)
    return call.scope.like(given, call.scope.apply(layer, call.scope.shaped(given, shape)))
