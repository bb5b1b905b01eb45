"""Checks of what a layer's methods return: outputs, deltas, gradients, as plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from rnnbp.graph.graph import Node
from rnnbp.layers.base import Given, Layer
from rnnbp.numerics import Array, Dtype, DtypeError, Saved, Shape, ShapeError

Shapes: TypeAlias = Sequence[Shape | None]
"""The feature shape of every value of a graph, None where it is not known."""
Values: TypeAlias = list[Given]
"""Every value of a graph: arrays, once ``check_outputs`` has seen them."""


def check_outputs(node: Node, values: Sequence[Given], dtype: Dtype, shapes: Shapes) -> None:
    """Raise where an output of a node is no array, or not of the dtype or shape it should have.

    Real numbers fit a complex model, which gradcheck runs, and integers any: they may be symbols.
    """
    batch = _batch_of(node, values, shapes)
    for k in node.outs:
        y = values[k]
        if not isinstance(y, np.ndarray):
            raise TypeError(
                f"{node.block}: forward must return an array, found {type(y).__name__}; use "
                "np.asarray"
            )
        if y.dtype.kind not in "iub" and not _fits(y.dtype, dtype):
            raise DtypeError(
                f"{node.block}: its output has dtype {y.dtype}, the parameters of the model "
                f"{dtype}; build it with dtype='{dtype}', or let it compute in the dtype of its "
                "input"
            )
        declared = shapes[k]
        if batch is None or (declared is None and y.shape[: len(batch)] == batch):
            continue
        if declared is None or y.shape != (*batch, *declared):
            expected = (
                f"{batch} and features"
                if declared is None
                else f"{(*batch, *declared)}, features {declared}"
            )
            raise ShapeError(
                f"{node.block}: its output has shape {y.shape}, expected {expected} "
                f"as its output_shapes says; keep the batch axes, and let the two agree"
            )


def settled(node: Node, values: Values, saved: Saved) -> Saved:
    """``saved``, once outputs of subclasses of ndarray are plain arrays, in ``values`` too."""
    for k in node.outs:
        y = values[k]
        if type(y) is not np.ndarray and isinstance(y, np.ndarray):
            values[k] = plain = _plain(node.block, "its output", y)
            saved = tuple([plain if part is y else part for part in saved])
    return saved


def checked_deltas(
    node: Node, dxs: Given, dys: Sequence[Array | None], shapes: Shapes
) -> tuple[Array | None, ...]:
    """Returns the deltas of a node as plain arrays.

    Raises where their shapes differ from those of the inputs, or their dtype from that of dy.
    """
    if not isinstance(dxs, tuple) or len(dxs) != len(node.args):
        found = f"{len(dxs)} deltas" if isinstance(dxs, tuple) else type(dxs).__name__
        wanted = f"backward_inputs must return a tuple of {len(node.args)} deltas"
        raise TypeError(f"{node.block}: {wanted}, found {found}")
    out, dy = next((k, dy) for k, dy in zip(node.outs, dys, strict=True) if dy is not None)
    batch = _batch_axes(dy, shapes[out])
    plain = tuple([_plain(node.block, f"delta {k}", dx) for k, dx in enumerate(dxs)])
    for number, (k, dx) in enumerate(zip(node.args, plain, strict=True)):
        if dx is None:
            continue
        _check_numbers(node, number, dx, dy)
        features = shapes[k]
        if isinstance(node.block, Layer) and node.block.mixes and dx.shape == features:
            continue
        if batch is not None and features is not None and dx.shape != (*batch, *features):
            raise ShapeError(
                f"{node.block}: delta {number} has shape {dx.shape}, expected "
                f"{(*batch, *features)}; give it the shape of input {number}"
            )
    return plain


def _check_numbers(node: Node, number: int, dx: Given, dy: Array) -> None:
    """Raise unless a delta is an array of the dtype of dy."""
    if not isinstance(dx, np.ndarray):
        raise TypeError(f"{node.block}: delta {number} must be an array, found {type(dx).__name__}")
    if not _fits(dx.dtype, dy.dtype):
        raise DtypeError(
            f"{node.block}: delta {number} has dtype {dx.dtype}, those that reached it "
            f"{dy.dtype}; let backward_inputs compute in the dtype of dy"
        )


def checked_gradient(layer: Layer, key: str, grad: Given) -> Array:
    """The gradient of a parameter as an array of its shape, real unless that is complex."""
    p = layer.params[key]
    found: Array = np.asarray(_plain(layer, f"the gradient of {key}", grad))
    if found.shape != p.shape:
        raise ShapeError(
            f"{layer}: the gradient of {key} must have shape {p.shape}, found {found.shape}; "
            f"sum it over the batch axes alone"
        )
    if found.dtype.kind not in "fiub" and p.dtype.kind != "c":
        raise DtypeError(
            f"{layer}: the gradient of {key} has dtype {found.dtype}; give it that of {key}, "
            f"{p.dtype}"
        )
    return found


def _plain(layer: object, what: str, found: Given) -> Given:
    """``found`` without a subclass of ndarray. Raises TypeError for a mask.

    Such a class may say anything of its shape. The layer's text is made for the error alone: this
    is called for every delta of a chunk.
    """
    if type(found) is np.ndarray or not isinstance(found, np.ndarray):
        return found
    if isinstance(found, np.ma.MaskedArray):
        raise TypeError(
            f"{layer}: {what} is a masked array, whose mask would be lost; return np.ma.filled(...) "
            "of it"
        )
    return np.asarray(found)


def _batch_of(node: Node, values: Sequence[Given], shapes: Shapes) -> Shape | None:
    """The batch axes of a node's outputs; None where they are not known."""
    if not node.args:
        return ()
    found = _batch_axes(values[node.args[0]], shapes[node.args[0]])
    if found is None or not isinstance(node.block, Layer) or not node.block.mixes:
        return found
    each = [_batch_axes(values[k], shapes[k]) for k in node.args]
    return max([axes for axes in each if axes is not None], key=len)


def _batch_axes(x: Array, features: Shape | None) -> Shape | None:
    """The axes of an array before its features; None where these are not known."""
    return None if features is None else x.shape[: x.ndim - len(features)]


def _fits(found: Dtype, dtype: Dtype) -> bool:
    return found == dtype or (dtype.kind == "c" and found == np.float64)
