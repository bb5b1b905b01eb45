"""Nodes of ONNX with two operands, each a value or a constant."""

from __future__ import annotations

import numpy as np

from rnnbp.graph.parameter import Parameter
from rnnbp.graph.values import Value
from rnnbp.interchange.onnx_in.nodes import Call, Results, reads
from rnnbp.interchange.onnx_in.operands import Axes, Axis, Const, Tensor, exact, sizes
from rnnbp.interchange.onnx_in.patterns import with_erf
from rnnbp.interchange.onnx_in.shapes import axes_text, operand
from rnnbp.layers import (
    Add,
    Clip,
    Dense,
    Divide,
    Gain,
    Maximum,
    Minimum,
    Multiply,
    Reciprocal,
    Scale,
    Sqrt,
    Square,
    Subtract,
)
from rnnbp.layers.base import Layer
from rnnbp.numerics import Array

PAIRS: dict[str, type[Layer]] = {
    "Add": Add,
    "Sub": Subtract,
    "Mul": Multiply,
    "Div": Divide,
    "Max": Maximum,
    "Min": Minimum,
}
"""Operators of two values."""
UFUNCS: dict[str, np.ufunc] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
    "Max": np.maximum,
    "Min": np.minimum,
}
SCALES = ("Add", "Sub", "Mul", "Div")
"""Those that are a Scale where one of the two is a number."""


@reads(*PAIRS)
def pair(call: Call) -> Results:
    """Arithmetic, element by element."""
    if len(call.operands) != 2:
        call.refuse(f"takes {len(call.operands)} inputs", "take two at a time")
    if (found := with_erf(call, call.get(0), call.get(1))) is not None:
        return found
    a, b = operand(call, 0), operand(call, 1)
    if isinstance(a, Const) and isinstance(b, Const):
        return _of_constants(call, a, b)
    if isinstance(b, Const) and isinstance(a, Tensor):
        return _with_constant(call, a, b, turned=False)
    if isinstance(a, Const) and isinstance(b, Tensor):
        return _with_constant(call, b, a, turned=True)
    return _of_two(call, call.tensor(0), call.tensor(1))


def _of_constants(call: Call, a: Const, b: Const) -> Const:
    """Two constants, of which one is repeated along axes with roles."""
    axes = _broadcast(call, a.axes, b.axes)
    array = UFUNCS[call.node.op_type](a.array, b.array)
    return Const(array, axes, a.learned or b.learned)


@reads("Sum")
def added(call: Call) -> Results:
    """A sum of several values."""
    total = call.tensor(0)
    for k in range(1, len(call.operands)):
        total = _of_two(call, total, call.tensor(k))
    return total


def _of_two(call: Call, a: Tensor, b: Tensor) -> Tensor:
    """Two values, of which an axis of 1 is repeated."""
    if call.node.op_type == "Mul" and a.value is b.value and a.axes == b.axes:
        return Tensor(call.scope.apply(Square(), a.value), a.axes)
    block = PAIRS.get(call.node.op_type, Add)()
    axes = _broadcast(call, a.axes, b.axes)
    x, y = (_fitting(call, each, axes) for each in (a, b))
    return Tensor(call.scope.apply(block, x, y), axes)


def _fitting(call: Call, tensor: Tensor, axes: Axes) -> Value:
    """The value of a tensor, its features of the shape that they have in a result."""
    rank = len(axes)
    own: Axes = (*[1] * (rank - len(tensor.axes)), *tensor.axes)
    inside = [k for k, a in enumerate(axes) if isinstance(a, int)]
    return call.scope.shaped(tensor, sizes(tuple([own[k] for k in inside])))


def _broadcast(call: Call, a: Axes, b: Axes) -> Axes:
    """The axes of a result."""
    rank = max(len(a), len(b))
    found: list[Axis] = []
    for x, y in zip((*[1] * (rank - len(a)), *a), (*[1] * (rank - len(b)), *b), strict=True):
        if 1 not in (x, y) and x != y:
            call.refuse(f"combines axes {axes_text(a)} and {axes_text(b)}", "make them equal")
        found.append(y if x == 1 else x)
    return tuple(found)


def _with_constant(call: Call, given: Tensor, const: Const, *, turned: bool) -> Tensor:
    """A value and a constant; ``turned`` where the constant comes first."""
    kind = call.node.op_type
    if not const.plain or const.array.dtype.kind == "O":
        call.refuse("computes with the number of steps or of sequences", "use MeanOverTime here")
    axes = _broadcast(call, given.axes, const.axes)
    if sizes(axes) != given.features and np.prod(sizes(axes)) != np.prod(given.features):
        call.refuse(
            f"repeats features {axes_text(given.axes)} for a constant {const.array.shape}",
            "repeat them in the model's weights",
        )
    array = _without_roles(const.array, axes)
    if kind == "Add" and (made := _biased(call, given, array)) is not None:
        return Tensor(made, axes)
    value = _fitting(call, given, axes)
    if const.learned and array.size > 1 and kind in ("Add", "Mul") and const.number is None:
        return Tensor(_learned(call, value, array), axes)
    return Tensor(_constant(call, value, array, turned=turned), axes)


def _without_roles(array: Array, axes: Axes) -> Array:
    """A constant with the axes of features alone."""
    full = array.reshape(*[1] * (len(axes) - array.ndim), *array.shape)
    inside = [n for n, a in zip(full.shape, axes, strict=True) if isinstance(a, int)]
    found: Array = full.reshape(inside)
    return found.reshape(1) if found.size == 1 else found


def _biased(call: Call, given: Tensor, array: Array) -> Value | None:
    """The Dense of which an Add has the bias, with it; None if it is no such Add."""
    source = given.value.source
    name = call.name_of(0) if call.get(0) is given else call.name_of(1)
    if source is None or not isinstance(source.block, Dense) or "bias" in source.block.params:
        return None
    old = source.block
    if array.shape != (old.n_out,) or call.scope.uses(name) > 1:
        return None
    dtype = call.scope.dtype_of(array, str(call))
    weight = old.params["weight"]
    new = Dense(old.n_in[0], old.n_out, weight_init=weight, bias_init=array, dtype=dtype)
    return call.scope.apply(new, *source.args)


def _learned(call: Call, value: Value, array: Array) -> Value:
    """A value and a tensor of the file, which becomes a parameter."""
    dtype = call.scope.dtype_of(array, str(call))
    if call.node.op_type == "Mul" and array.shape == value.shape and array.ndim == 1:
        return call.scope.apply(Gain(len(array), weight_init=array, dtype=dtype), value)
    if array.shape != value.shape:
        return _constant(call, value, array, turned=False)
    symbol = Parameter(array.shape, init=array, dtype=dtype)
    return call.scope.apply(PAIRS[call.node.op_type](), value, symbol)


def _constant(call: Call, value: Value, array: Array, *, turned: bool) -> Value:
    """A value and numbers that are not trained."""
    kind, apply = call.node.op_type, call.scope.apply
    if not np.isfinite(array).all():
        call.refuse("computes with infinite numbers", "take finite ones")
    if kind == "Div" and not turned and not array.all():
        call.refuse("divides by 0", "leave it out, or divide by other numbers")
    number = array.astype(float) if array.size > 1 else exact(array.reshape(-1)[0])
    neutral = 0.0 if kind in ("Add", "Sub") else 1.0
    if not turned and kind in SCALES and bool(np.all(number == neutral)):
        return value
    if kind == "Add":
        return apply(Scale(1.0, number), value)
    if kind == "Mul":
        return apply(Scale(number), value)
    if kind == "Sub":
        return apply(Scale(-1.0, number) if turned else Scale(1.0, -number), value)
    if kind == "Div":
        if turned:
            return apply(Scale(number), apply(Reciprocal(), value))
        return apply(Scale(1 / number), value)
    return _limited(call, value, number)


def _limited(call: Call, value: Value, number: object) -> Value:
    """The larger or smaller of a value and a number."""
    if not isinstance(number, float):
        call.refuse("takes limits that differ by feature", "take one number")
    return call.scope.apply(
        Clip(number) if call.node.op_type == "Max" else Clip(None, number), value
    )


@reads("Pow")
def power(call: Call) -> Results:
    """Squares and roots."""
    exponent = call.weight(1).reshape(-1)
    layers: dict[float, type[Layer]] = {2.0: Square, 0.5: Sqrt, -1.0: Reciprocal}
    if exponent.size != 1 or float(exponent[0]) not in layers:
        call.refuse(f"raises to the power {exponent.tolist()}", "powers are 2, 1/2 and -1")
    given = call.tensor()
    return call.scope.like(given, call.scope.apply(layers[float(exponent[0])](), given.value))
