"""Nodes of ONNX that name, order and divide axes; most leave no layer behind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnnbp.graph.values import Value
from rnnbp.interchange.onnx_in.axes import axes_to_insert, axes_to_remove, matched
from rnnbp.interchange.onnx_in.nodes import Call, Results, reads
from rnnbp.interchange.onnx_in.operands import (
    Axes,
    Axis,
    Const,
    Operand,
    Tensor,
    count,
    normal_axis,
    sizes,
    whole,
)
from rnnbp.interchange.onnx_in.sizes import of_sizes, spread

APART = "keep the axes of time and batch apart from the features"


def operand(call: Call, k: int = 0) -> Const | Tensor:
    """Operand k, a constant or a tensor."""
    found = call.get(k)
    return found if isinstance(found, Const) else call.tensor(k)


@reads("Identity", "Dropout")
def same(call: Call) -> Results:
    """What nodes hand on: a Dropout in evaluation draws nothing."""
    for name in ("ratio", "seed"):
        call.attribute(name, 0)
    found, training = call.get(0), call.get(2)
    if training is not None and (not isinstance(training, Const) or training.number != 0):
        call.refuse("its training_mode is not False", "export the model in evaluation mode")
    return call.tensor() if found is None else found


@reads("Cast")
def cast(call: Call) -> Results:
    """A Cast between floating-point numbers, or between integers."""
    types, to = call.scope.onnx.TensorProto, call.attribute("to", 0)
    call.attribute("saturate", 1)
    found = call.get(0)
    if not isinstance(found, Tensor):
        return call.tensor() if found is None else found
    real = to in (types.FLOAT, types.DOUBLE, types.FLOAT16, types.BFLOAT16)
    symbols = found.value in call.scope.symbols
    if real == symbols:
        name = types.DataType.Name(to)
        call.refuse(
            f"casts {'symbols' if symbols else 'floating-point numbers'} to {name}",
            "give the model the numbers that it computes with as its input",
        )
    return found


@reads("Shape")
def shape(call: Call) -> Results:
    """The sizes of a tensor: a constant, in which roles stand for those that are not known."""
    start, end = call.attribute("start", 0), call.attribute("end", None)
    return of_sizes(np.array(list(operand(call).axes)[start:end], object))


@reads("Transpose")
def transposed(call: Call) -> Results:
    """Axes in another order: of roles in name alone, of a matrix of features by its transpose."""
    given = operand(call)
    perm = call.attribute("perm", list(range(len(given.axes)))[::-1])
    axes = tuple([given.axes[k] for k in perm])
    if isinstance(given, Const):
        return Const(given.array.transpose(perm), axes, given.learned)
    order = [k for k in perm if isinstance(given.axes[k], int) and given.axes[k] != 1]
    if order == sorted(order):
        return Tensor(given.value, axes)
    if len(order) != 2:
        call.refuse(f"turns {len(order)} axes of features", "turn two of them at a time")
    first, last = (given.axes[k] for k in sorted(order))
    matrix = call.scope.shaped(given, sizes((first, last)))
    return Tensor(matrix.T, axes)


@reads("Unsqueeze")
def unsqueezed(call: Call) -> Results:
    """Axes of size 1 more."""
    given = operand(call)
    axes: list[Axis] = list(given.axes)
    where = axes_to_insert(call, len(axes))
    for k in where:
        axes.insert(k, 1)
    if isinstance(given, Const):
        return Const(np.expand_dims(given.array, tuple(where)), tuple(axes), given.learned)
    return Tensor(given.value, tuple(axes))


@reads("Squeeze")
def squeezed(call: Call) -> Results:
    """Axes of size 1 less."""
    given = operand(call)
    where = axes_to_remove(call, given.axes)
    for k in where:
        if given.axes[k] != 1:
            call.refuse(
                f"removes axis {k}, which is not of size 1 but {axis_text(given.axes[k])}",
                "remove axes of 1 alone, and leave the batch axis symbolic",
            )
    axes = tuple([a for k, a in enumerate(given.axes) if k not in where])
    if isinstance(given, Const):
        return Const(np.squeeze(given.array, tuple(where)), axes, given.learned)
    return Tensor(given.value, axes)


@reads("Reshape")
def reshaped(call: Call) -> Results:
    """Features divided in another way, while the axes of time and batch stay what they are."""
    given, shape = operand(call), call.get(1)
    call.attribute("allowzero", 0)
    wanted = whole(shape) if isinstance(shape, Const) else list(call.ints(1, "shape") or [])
    wanted = [given.axes[k] if n == 0 else n for k, n in enumerate(wanted)]
    return _to_axes(call, given, wanted)


@reads("Flatten")
def flattened(call: Call) -> Results:
    """All axes from one on as one, and those before it."""
    given = operand(call)
    at = normal_axis(call.attribute("axis", 1), len(given.axes))
    before = given.axes[:at]
    roles = "".join(a for a in before if isinstance(a, str))
    first = count(before)
    if (roles and first > 1) or any(isinstance(a, str) for a in given.axes[at:]):
        call.refuse("mixes time or batch with features", APART)
    return _to_axes(call, given, [roles or first, count(given.axes[at:])])


def _to_axes(call: Call, given: Const | Tensor, wanted: Sequence[int | str]) -> Operand:
    axes = matched(given.axes, wanted, call.scope.sizes)
    if axes is None:
        call.refuse(
            f"makes the shape {axes_text(tuple(wanted))} of {axes_text(given.axes)}, by which "
            "time, batch and features would mix, or which does not say which axis is which",
            f"{APART}; write 0 or a node Shape for them in the shape, or say their sizes in the "
            "model's inputs",
        )
    if isinstance(given, Const):
        array = given.array.reshape([1 if isinstance(a, str) else a for a in axes])
        return Const(array, axes, given.learned)
    return Tensor(given.value, axes)


@reads("Expand")
def expanded(call: Call) -> Results:
    """An Expand of a value to the shape that it has; of a constant to any."""
    given, shape = operand(call), call.get(1)
    if not isinstance(shape, Const):
        call.refuse("repeats to a shape that is computed", "give its shape as a constant")
    if isinstance(given, Const):
        return spread(call, given, whole(shape))
    wanted = [*[1] * (len(given.axes) - len(whole(shape))), *whole(shape)]
    own = [*[1] * (len(wanted) - len(given.axes)), *given.axes]
    pairs = list(zip(own, wanted, strict=True))
    if any(n not in (1, a) and not (a == 1 and isinstance(n, str)) for a, n in pairs):
        call.refuse(
            f"repeats {axes_text(given.axes)} to {axes_text(tuple(wanted))}",
            "leave it out: arithmetic repeats what it needs",
        )
    return Tensor(given.value, tuple([n if a == 1 and n != 1 else a for a, n in pairs]))


def axis_text(axis: Axis) -> str:
    """An axis as errors name it."""
    return {"T": "time", "B": "batch"}.get(str(axis), str(axis))


def axes_text(axes: Axes) -> str:
    """Axes as errors name them."""
    return f"({', '.join(map(axis_text, axes))})"


def last_axis(call: Call, tensor: Tensor) -> Value:
    """The value of a tensor whose last axis has features, and its shape those of all its axes."""
    if not isinstance(tensor.axes[-1], int):
        call.refuse(
            f"its input has axes {axes_text(tensor.axes)}, the last of which has no features",
            "turn the axes by a Transpose before it",
        )
    return call.scope.shaped(tensor)


def one_axis(call: Call, tensor: Tensor) -> Value:
    """The value of a tensor whose last axis alone has features, as layers take it."""
    found = [n for n in tensor.features if n > 1]
    if not isinstance(tensor.axes[-1], int) or len(found) > 1 or (found and tensor.axes[-1] == 1):
        call.refuse(
            f"its input has axes {axes_text(tensor.axes)}; the features must be the last of them",
            "put a Reshape or Transpose before it",
        )
    return call.scope.vector(tensor)
