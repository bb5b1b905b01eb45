"""Nodes of ONNX that look at windows of features: convolutions and pooling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnnbp.graph.values import Value
from rnnbp.interchange.onnx_in.nodes import Call, Results, reads
from rnnbp.interchange.onnx_in.operands import Axes, Tensor
from rnnbp.interchange.onnx_in.shapes import axes_text
from rnnbp.layers import AvgPool, Conv1D, Conv2D, MaxPool, Scale
from rnnbp.numerics import Shape


@reads("Conv")
def convolved(call: Call) -> Results:
    """A convolution over one or two axes of features."""
    weight, bias = call.weight(1), call.array(2)
    given, axes = call.tensor(), weight.ndim - 2
    value = _channels(call, given, axes)
    if (group := call.attribute("group", 1)) != 1:
        call.refuse(f"attribute group = {group}", "write one convolution for each group")
    if axes not in (1, 2):
        call.refuse(f"is a convolution over {axes} axes", "there are those over one and two")
    call.attribute("kernel_shape", list(weight.shape[2:]))
    dtype = call.scope.dtype_of(weight, str(call))
    block = (Conv1D if axes == 1 else Conv2D)(
        weight.shape[1],
        weight.shape[0],
        weight.shape[2:],
        stride=call.attribute("strides", [1] * axes),
        dilation=call.attribute("dilations", [1] * axes),
        padding=_padding(call, axes),
        bias=bias is not None,
        weight_init=weight.astype(dtype),
        bias_init=None if bias is None else bias.astype(dtype),
        dtype=dtype,
    )
    made = call.scope.apply(block, value)
    return Tensor(made, (*given.axes[:1], *(made.shape or ())))


@reads("MaxPool", "AveragePool")
def pooled(call: Call) -> Results:
    """The largest elements or the means of windows."""
    given, kernel = call.tensor(), call.attribute("kernel_shape", [1])
    axes = len(kernel)
    value, padding = _windows(call, given, axes), _padding(call, axes)
    mean = call.node.op_type == "AveragePool"
    counted = call.attribute("count_include_pad", 0)
    for name, usual in (("ceil_mode", 0), ("storage_order", 0), ("dilations", [1] * axes)):
        if (found := call.attribute(name, usual)) != usual:
            call.refuse(f"attribute {name} = {found}", f"take the default, {usual}")
    if call.wanted(1):
        call.refuse("its output Indices is used", "use Y alone")
    if mean and any(padding) and not counted:
        call.refuse(
            "attribute count_include_pad = 0 with padding", "count the padding, or take none"
        )
    strides = call.attribute("strides", [1] * axes)
    several = axes > 1
    block = (AvgPool if mean else MaxPool)(
        tuple(kernel) if several else kernel[0],
        tuple(strides) if several else strides[0],
        padding if several else padding[0],
    )
    return _result(given, axes, call.scope.apply(block, value))


@reads("GlobalAveragePool", "GlobalMaxPool")
def pooled_to_one(call: Call) -> Results:
    """One number for each channel."""
    given = call.tensor()
    axes = len(given.axes) - 2
    value = _channels(call, given, axes)
    if axes not in (1, 2):
        call.refuse(f"reduces {axes} axes", "there are windows over one and two")
    kernel = [a for a in given.axes[2:] if isinstance(a, int)]
    layer = AvgPool if call.node.op_type == "GlobalAveragePool" else MaxPool
    block = layer(tuple(kernel) if axes > 1 else kernel[0])
    return _result(given, axes, call.scope.apply(block, value))


def _windows(call: Call, given: Tensor, axes: int) -> Value:
    """The value of a tensor whose last axes have features; those before them may be any."""
    if any(isinstance(a, str) for a in given.axes[-axes:]):
        call.refuse(
            f"its windows are over {axes_text(given.axes[-axes:])}", "pool over features alone"
        )
    return call.scope.shaped(given)


def _channels(call: Call, given: Tensor, axes: int) -> Value:
    """The value (channels, ...) of a tensor (N, channels, ...), of which N has roles."""
    first, inside = given.axes[:1], given.axes[1:]
    if (
        len(inside) != axes + 1
        or isinstance(first[0], int)
        or any(isinstance(a, str) for a in inside)
    ):
        call.refuse(
            f"its windows are over axes of {axes_text(given.axes)}",
            "windows lie within a step, (batch, channels, ...); over time there are recurrent "
            "layers alone",
        )
    return call.scope.shaped(given)


def _padding(call: Call, axes: int) -> tuple[int, ...]:
    """Zeros on both sides of each axis."""
    if (auto := call.attribute("auto_pad", "NOTSET")) not in ("NOTSET", "VALID"):
        call.refuse(f"attribute auto_pad = {auto!r}", "give pads")
    pads: Sequence[int] = call.attribute("pads", [0] * 2 * axes)
    if list(pads[:axes]) != list(pads[axes:]):
        call.refuse(f"attribute pads = {list(pads)}", "give as much on both sides")
    return tuple(pads[:axes])


def _result(given: Tensor, axes: int, value: Value) -> Tensor:
    shape: Shape = value.shape or ()
    found: Axes = (*given.axes[:-axes], *shape[-axes:])
    return Tensor(value, found)


@reads("BatchNormalization")
def batch_norm(call: Call) -> Results:
    """A norm by stored means and variances: a factor and a shift for each channel."""
    scale, shift, mean, var = (call.weight(k).astype(float) for k in (1, 2, 3, 4))
    for name in ("momentum", "spatial"):
        call.attribute(name, 1)
    if call.attribute("training_mode", 0):
        call.refuse("attribute training_mode = 1", "export the model in evaluation mode")
    given = call.tensor()
    if len(given.axes) < 2 or given.axes[1] != len(scale):
        call.refuse(f"its channels are axis 1 of {axes_text(given.axes)}", "keep time out of them")
    factor = scale / np.sqrt(var + call.attribute("epsilon", 1e-5))
    rest = (-1, *[1] * (len(given.axes) - 2))
    block = Scale(factor.reshape(rest), (shift - mean * factor).reshape(rest))
    return call.scope.like(given, call.scope.apply(block, call.scope.shaped(given)))
