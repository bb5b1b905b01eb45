"""Nodes of ONNX whose operands are constants, as of shapes, some of whose sizes are roles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from rnnbp.interchange.onnx_in.axes import axes_to_insert, axes_to_remove, slices_of
from rnnbp.interchange.onnx_in.evaluation import evaluated
from rnnbp.interchange.onnx_in.nodes import Call
from rnnbp.interchange.onnx_in.operands import Axis, Const, whole
from rnnbp.numerics import Array

Folding: TypeAlias = Callable[[Call, list[Array]], Array]


def folded(call: Call) -> Const | tuple[Const, ...] | None:
    """The constant that a node of constants makes; None for one that is not to be computed here."""
    given = [each for each in call.operands if isinstance(each, Const)]
    if len(given) < len([each for each in call.operands if each is not None]):
        return None
    if call.node.op_type in _FILLED and not all(each.plain for each in given):
        return _filled(call, given)
    if all(each.plain for each in given):
        return evaluated(call, given)
    if any(each.array.dtype == object for each in given):
        folding = SYMBOLIC.get(call.node.op_type)
        if folding is None and call.node.op_type in ("Range", "Div"):
            return None  # of lengths
        if folding is None:
            call.refuse(
                "computes with the number of steps or of sequences, which is not known here",
                "compute shapes with Shape, Gather, Slice, Concat and Reshape alone",
            )
        return of_sizes(folding(call, [each.array for each in given]))
    return None


def of_sizes(array: Array) -> Const:
    """A constant of sizes; of integers where there are no roles among them."""
    some = any(isinstance(each, str) for each in array.reshape(-1))
    return Const.of(array if some or array.dtype != object else array.astype(np.int64))


_FILLED = ("ConstantOfShape", "Expand")


def _filled(call: Call, given: list[Const]) -> Const:
    """A constant repeated along axes whose sizes are not known."""
    if call.node.op_type == "ConstantOfShape":
        value = call.attribute("value", np.zeros(1, np.float32))
        return spread(call, Const.of(np.asarray(value).reshape(1)), whole(given[0]))
    return spread(call, given[0], whole(given[1]))


def spread(call: Call, const: Const, shape: list[int | str]) -> Const:
    """A constant broadcast to a shape, some of whose sizes are roles."""
    rank = max(len(shape), const.array.ndim)
    array = const.array.reshape(*[1] * (rank - const.array.ndim), *const.array.shape)
    own: list[Axis] = [*[1] * (rank - len(const.axes)), *const.axes]
    axes: list[Axis] = []
    for size, axis in zip([*[1] * (rank - len(shape)), *shape], own, strict=True):
        kept = size == 1 or axis in call.scope.sizes.get(str(size), ())
        axes.append(axis if kept else size)
        if axis not in (1, size) and not kept:
            call.refuse(f"repeats an axis of {axis} to {size}", "give it a size of 1")
    sizes = [1 if isinstance(a, str) else a for a in axes]
    return Const(np.broadcast_to(array, sizes), tuple(axes), const.learned)


def _gather(call: Call, given: list[Array]) -> Array:
    taken: Array = np.take(given[0], given[1].astype(int), axis=call.attribute("axis", 0))
    return np.asarray(taken, object)


def _concat(call: Call, given: list[Array]) -> Array:
    found: Array = np.concatenate([a.astype(object) for a in given], axis=call.attribute("axis", 0))
    return found


def _unsqueeze(call: Call, given: list[Array]) -> Array:
    found: Array = np.expand_dims(given[0], tuple(axes_to_insert(call, given[0].ndim)))
    return found


def _squeeze(call: Call, given: list[Array]) -> Array:
    return np.squeeze(given[0], tuple(axes_to_remove(call, list(given[0].shape))))


def _slice(call: Call, given: list[Array]) -> Array:
    found = given[0]
    for axis, part in slices_of(call, found.ndim):
        found = found[(slice(None),) * axis + (part,)]
    return found


def _multiply(call: Call, given: list[Array]) -> Array:
    """Products of sizes: of two roles the axis that has both."""
    found: Array = np.frompyfunc(lambda a, b: _product(call, a, b), 2, 1)(*given)
    return np.asarray(found, object)


def _product(call: Call, a: int | str, b: int | str) -> int | str:
    if isinstance(a, str) and isinstance(b, str):
        return a + b
    if isinstance(a, str) or isinstance(b, str):
        role, number = (a, b) if isinstance(a, str) else (b, a)
        if number != 1:
            call.refuse(
                f"multiplies the size of an axis by {number}",
                "keep the axes of time and batch apart from the features",
            )
        return str(role)
    return int(a) * int(b)


def _reshape(call: Call, given: list[Array]) -> Array:
    return given[0].reshape(given[1].astype(int))


def _same(call: Call, given: list[Array]) -> Array:
    return given[0]


def _cast(call: Call, given: list[Array]) -> Array:
    call.attribute("to", 0)
    return given[0]


def _reduce_prod(call: Call, given: list[Array]) -> Array:
    call.attribute("keepdims", 1)
    call.ints(1, "axes")
    total: int | str = 1
    for each in given[0].reshape(-1):
        total = _product(call, total, each)
    return np.array([total] if call.attribute("keepdims", 1) else total, object)


def _equal(call: Call, given: list[Array]) -> Array:
    found: Array = np.equal(given[0], given[1], dtype=object)
    return found.astype(bool)


def _where(call: Call, given: list[Array]) -> Array:
    return np.where(given[0], given[1].astype(object), given[2].astype(object))


def _shape(call: Call, given: list[Array]) -> Array:
    start, end = call.attribute("start", 0), call.attribute("end", None)
    return np.array(given[0].shape[start:end], np.int64)


SYMBOLIC: Mapping[str, Folding] = {
    "Shape": _shape,
    "Gather": _gather,
    "Concat": _concat,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Slice": _slice,
    "Mul": _multiply,
    "Reshape": _reshape,
    "Identity": _same,
    "Cast": _cast,
    "ReduceProd": _reduce_prod,
    "Equal": _equal,
    "Where": _where,
}
"""By operator, what computes with sizes among which roles are."""
