"""Nodes that change shapes, or reduce an axis."""

from __future__ import annotations

from collections.abc import Sequence

from rnnbp.interchange.onnx_out.parts import Tensor, is_open
from rnnbp.interchange.onnx_out.writer import Writer
from rnnbp.numerics import Shape


def reshaped(to: Writer, t: Tensor, shape: Shape) -> Tensor:
    """A tensor with its features in another shape."""
    if t.shape == shape:
        return t
    sizes = [-1 if is_open(n) else n for n in shape]
    return to.emit("Reshape", t, to.ints(*[0] * t.lead, *sizes), shape=shape)


def widened(to: Writer, t: Tensor, axis: int, shape: Shape) -> Tensor:
    """A tensor with a further axis of 1 at this place of the result."""
    return to.emit("Unsqueeze", t, to.ints(axis), shape=shape)


def narrowed(to: Writer, t: Tensor, axis: int, shape: Shape) -> Tensor:
    """A tensor without an axis of 1."""
    return to.emit("Squeeze", t, to.ints(axis), shape=shape)


def spread(to: Writer, t: Tensor, features: int) -> Tensor:
    """A tensor without features, with axes of 1 in their place."""
    if not features:
        return t
    axes = range(t.lead, t.lead + features)
    return to.emit("Unsqueeze", t, to.ints(*axes), shape=(1,) * features)


def reduced(
    to: Writer, kind: str, t: Tensor, axis: int, shape: Shape, *, keep: bool = True
) -> Tensor:
    """A sum, mean or maximum along an axis: an input in newer versions, else an attribute."""
    if kind == "ReduceSum" or to.opset >= 18:
        return to.emit(kind, t, to.ints(axis), shape=shape, keepdims=int(keep))
    return to.emit(kind, t, shape=shape, axes=[axis], keepdims=int(keep))


def sizes(to: Writer, t: Tensor, more: Sequence[int]) -> Tensor:
    """A vector: the sizes of the leading axes of a tensor, then others."""
    found = to.emit("Shape", t, shape=(t.lead,), lead=0, start=0, end=t.lead)
    if not more:
        return found
    return to.emit("Concat", found, to.ints(*more), shape=(t.lead + len(more),), lead=0, axis=0)


def level(to: Writer, t: Tensor, like: Tensor) -> Tensor:
    """A tensor repeated along the leading axes that another one has and it has not."""
    if like.inner and t.lead == 2:
        return to.step(t)
    if t.lead >= like.lead:
        return t
    whole = sizes(to, like, [1] * len(t.shape))
    return to.emit("Expand", t, whole, shape=t.shape, lead=like.lead)


def zeros(to: Writer, shape: Shape, series: Tensor) -> Tensor:
    """A state of zeros, (B, ...), for as many rows as a series has."""
    batch = to.emit("Shape", series, shape=(1,), lead=0, start=1, end=2)
    if shape:
        batch = to.emit("Concat", batch, to.ints(*shape), shape=(1 + len(shape),), lead=0, axis=0)
    return to.emit("Expand", to.number(0.0), batch, shape=shape, lead=1)


def turned(to: Writer, t: Tensor) -> Tensor:
    """The transpose of a matrix."""
    order = [*range(t.lead), t.lead + 1, t.lead]
    return to.emit("Transpose", t, shape=t.shape[::-1], perm=order)
