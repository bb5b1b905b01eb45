"""Nodes of ONNX that cut and join: features, steps, and rows of embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np

from rnnbp.graph.over_time.last import Last
from rnnbp.graph.values import Value
from rnnbp.interchange.onnx_in.axes import slices_of
from rnnbp.interchange.onnx_in.nodes import Call, Results, reads
from rnnbp.interchange.onnx_in.operands import (
    TIME,
    Axes,
    Axis,
    Const,
    Operand,
    Tensor,
    count,
    normal_axis,
)
from rnnbp.interchange.onnx_in.shapes import APART, axes_text, axis_text, operand
from rnnbp.layers import Embedding, OneHot, Split

LENGTHS = "read final states, Y_h, which are those of each row's true end"


@reads("Gather")
def gathered(call: Call) -> Results:
    """Rows of an embedding, one feature or step, or a part of the features."""
    given, index = operand(call), call.get(1)
    axis = normal_axis(call.attribute("axis", 0), len(given.axes))
    if isinstance(given, Const) and isinstance(index, Tensor):
        return _embedded(call, given, index, axis)
    if not isinstance(index, Const) or index.array.size != 1 or not index.plain:
        call.refuse("takes several elements, or those that are computed", "take one, or a Slice")
    at = int(index.array.reshape(-1)[0])
    keeps: list[Axis] = [1] * index.array.ndim
    cut = _cut(call, given, axis, at, None if at == -1 else at + 1)
    axes = (*cut.axes[:axis], *keeps, *cut.axes[axis + 1 :])
    if isinstance(cut, Const):
        shape = [1 if isinstance(a, str) else a for a in axes]
        return Const(cut.array.reshape(shape), axes, cut.learned)
    return Tensor(cut.value, axes)


def _embedded(call: Call, table: Const, index: Tensor, axis: int) -> Operand:
    """Vectors of symbols."""
    if (
        axis != 0
        or table.array.ndim != 2
        or not table.plain
        or index.value not in call.scope.symbols
    ):
        call.refuse(
            f"looks up a table of shape {axes_text(table.axes)} along axis {axis}",
            "an embedding has one row for each symbol, (symbols, features), and integers as input",
        )
    weight = table.array
    dtype = call.scope.dtype_of(weight, str(call))
    block = Embedding(*weight.shape, weight_init=weight.astype(dtype), dtype=dtype)
    return Tensor(call.scope.apply(block, index.value), (*index.axes, weight.shape[1]))


@reads("Slice")
def sliced(call: Call) -> Results:
    """Parts of features, or the last step."""
    found = operand(call)
    for axis, part in slices_of(call, len(found.axes)):
        if part.step != 1:
            call.refuse(
                f"takes every {part.step}th element of axis {axis}",
                "take neighbours; for the reverse order build a reverse layer",
            )
        found = _cut(call, found, axis, part.start, part.stop)
    return found


def _cut(
    call: Call, given: Const | Tensor, axis: int, start: int, stop: int | None
) -> Const | Tensor:
    """Elements of one axis."""
    size = given.axes[axis]
    if isinstance(size, str):
        return _steps(call, given, axis, start, stop)
    first, end, _ = slice(start, stop).indices(size)
    axes = (*given.axes[:axis], end - first, *given.axes[axis + 1 :])
    if isinstance(given, Const):
        part = (slice(None),) * axis + (slice(first, end),)
        return Const(given.array[part], axes, given.learned)
    if end <= first or first >= size:
        call.refuse(f"takes nothing of an axis of {size}: {start} to {stop}", "take at least one")
    if (first, end) == (0, size):
        return given
    return Tensor(_of_features(call, given, axis, first, end), axes)


def _of_features(call: Call, given: Tensor, axis: int, first: int, end: int) -> Value:
    """Features ``first`` to ``end`` of an axis, of which there is no other before it."""
    if count(given.axes[:axis]) > 1:
        call.refuse(
            f"takes a part of axis {axis} of {axes_text(given.axes)}",
            "cut the first axis of features, or features of one axis",
        )
    width = count(given.axes[axis + 1 :])
    return call.scope.part(call.scope.vector(given), first * width, end * width)


def _steps(
    call: Call, given: Const | Tensor, axis: int, start: int, stop: int | None
) -> Const | Tensor:
    """The last step of a series, or all of them."""
    role = str(given.axes[axis])
    fixed = call.scope.sizes.get(role, set())
    size = next(iter(fixed)) if len(fixed) == 1 else None
    if start == 0 and (stop is None or stop == size):
        return given
    last = stop in (None, size) and (start == -1 or (size is not None and start == size - 1))
    if isinstance(given, Const) or role != TIME or not last:
        call.refuse(
            f"takes elements {start} to {'the end' if stop is None else stop} of the axis of "
            f"{axis_text(role)}",
            "of a series the last step can be taken, -1, or final states, Y_h",
        )
    call.scope.refuse_lengths(call, "takes the last step", LENGTHS)
    axes = (*given.axes[:axis], 1, *given.axes[axis + 1 :])
    return Tensor(call.scope.apply(Last(), given.value), axes)


@reads("Split")
def split(call: Call) -> Results:
    """Features in several parts."""
    given = operand(call)
    axis = normal_axis(call.attribute("axis", 0), len(given.axes))
    size, found = given.axes[axis], call.ints(1, "split")
    parts = len(call.node.output)
    call.attribute("num_outputs", parts)
    if isinstance(size, str):
        call.refuse(f"divides the axis of {axis_text(size)}", APART)
    each = -(-size // parts)
    widths = found or [min(each, size - k * each) for k in range(parts)]
    if isinstance(given, Tensor) and given.features == (size,) and len(widths) > 1:
        return _split(call, given, axis, widths)
    ends = [0, *accumulate(widths)]
    return tuple([_cut(call, given, axis, a, b) for a, b in pairwise(ends)])


def _split(call: Call, given: Tensor, axis: int, widths: Sequence[int]) -> Results:
    """All features, in several parts, by one layer."""
    value = call.scope.vector(given)
    outputs = Split(*widths)(value)
    for each in outputs:
        call.scope.record(each, outputs[0].source.block, (value,))
    axes = [(*given.axes[:axis], n, *given.axes[axis + 1 :]) for n in widths]
    return tuple([Tensor(each, own) for each, own in zip(outputs, axes, strict=True)])


@reads("Concat")
def concatenated(call: Call) -> Results:
    """Features one after the other."""
    given = [operand(call, k) for k in range(len(call.operands))]
    axis = normal_axis(call.attribute("axis", 0), max(len(each.axes) for each in given))
    if all(isinstance(each, Const) for each in given):
        array = np.concatenate([each.array for each in given if isinstance(each, Const)], axis)
        pairs = zip(given[0].axes, array.shape, strict=True)
        return Const(array, tuple([a if isinstance(a, str) else n for a, n in pairs]))
    tensors = [call.tensor(k) for k in range(len(given))]
    return _joined(call, tensors, axis)


def _joined(call: Call, tensors: Sequence[Tensor], axis: int) -> Operand:
    first = tensors[0].axes
    widths = [each.axes[axis] for each in tensors]
    others = {(*each.axes[:axis], *each.axes[axis + 1 :]) for each in tensors}
    if len(others) > 1 or any(isinstance(n, str) for n in widths) or count(first[:axis]) > 1:
        listed = " and ".join(axes_text(each.axes) for each in tensors)
        call.refuse(f"joins {listed} along axis {axis}", "join the features, by their first axis")
    values = [call.scope.vector(each) for each in tensors]
    total = sum(n for n in widths if isinstance(n, int))
    axes: Axes = (*first[:axis], total, *first[axis + 1 :])
    return Tensor(call.scope.joined(values, [count(each.axes) for each in tensors]), axes)


@reads("OneHot")
def one_hot(call: Call) -> Results:
    """Vectors with a single 1, of symbols."""
    index, depth, values = call.tensor(), call.weight(1), call.weight(2)
    axis = call.attribute("axis", -1)
    if index.value not in call.scope.symbols or values.tolist() != [0, 1]:
        call.refuse("makes other vectors than those of 0 and a single 1", "give values 0 and 1")
    if axis not in (-1, len(index.axes)):
        call.refuse(f"attribute axis = {axis} is not the last", "give axis=-1")
    n = int(depth.reshape(-1)[0])
    return Tensor(call.scope.apply(OneHot(n), index.value), (*index.axes, n))
