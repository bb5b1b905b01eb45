"""Calls of one node of a graph: its layer forward and backward, and the checks of what it
returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, TypeVar

import numpy as np

from rnnbp.graph.graph import Node
from rnnbp.layers.base import Given, Layer
from rnnbp.numerics import Array, Dtype, DtypeError, Saved, Shape, ShapeError
from rnnbp.rng import Context

T = TypeVar("T")
Deltas: TypeAlias = list[Array | None]
"""The derivative of the loss by every value of a graph, None where nothing has reached it."""
Values: TypeAlias = list[Given]
"""Every value of a graph: arrays, once ``check_outputs`` has seen them."""
Shapes: TypeAlias = Sequence[Shape | None]
"""The feature shape of every value of a graph, None where it is not known."""


def forward_node(node: Node, values: Values, context: Context) -> Saved:
    """Run a node that holds a Layer: read its arguments from ``values``, write its outputs
    there."""
    layer: Layer = node.block  # type: ignore[assignment]  # the node of a Layer; a check would take time
    xs = [values[k] for k in node.args]
    own: dict[str, object] = (
        {"context": context.at(context.place + node.number)} if layer.random else {}
    )
    if layer.typed:
        own = {"dtype": context.dtype}
    found = layer.forward(*xs, **own)
    if not isinstance(found, tuple) or len(found) != 2:
        raise TypeError(f"{layer}: forward must return (y, saved), found {type(found).__name__}")
    y, saved = found
    if not isinstance(saved, tuple):
        raise TypeError(
            f"{layer}: forward must save a tuple of arrays, found {type(saved).__name__}; return "
            "(y, (a, ...))"
        )
    if layer.n_outputs == 1:
        values[node.outs[0]] = y
    elif isinstance(y, tuple | list) and len(y) == layer.n_outputs:
        for k, part in zip(node.outs, y, strict=True):
            values[k] = part
    else:
        count = len(y) if isinstance(y, tuple | list) else type(y).__name__
        raise TypeError(
            f"{layer}: forward must return a tuple of {layer.n_outputs} outputs, found {count}"
        )
    return _settled(node, values, saved)


def _settled(node: Node, values: Values, saved: Saved) -> Saved:
    """``saved``, once outputs of subclasses of ndarray are plain arrays, there and in
    ``values``."""
    for k in node.outs:
        y = values[k]
        if type(y) is not np.ndarray and isinstance(y, np.ndarray):
            values[k] = plain = _plain(f"{node.block}: its output", y)
            saved = tuple([plain if part is y else part for part in saved])
    return saved


def _plain(what: str, found: Given) -> Given:
    """``found`` without a subclass of ndarray, which may say anything of its shape. Raises
    TypeError for a mask."""
    if type(found) is np.ndarray or not isinstance(found, np.ndarray):
        return found
    if isinstance(found, np.ma.MaskedArray):
        raise TypeError(
            f"{what} is a masked array, whose mask would be lost; return np.ma.filled(...) of it"
        )
    return np.asarray(found)


def check_outputs(node: Node, values: Sequence[Given], dtype: Dtype, shapes: Shapes) -> None:
    """Raise where an output of a node is not an array, or differs from the model's dtype or the
    declared shape.

    Real numbers fit a complex model, which gradcheck runs, and integers any: they may be symbols.
    """
    batch = _batch_axes(values[node.args[0]], shapes[node.args[0]])
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


def learn(node: Node, values: Sequence[Given], shapes: list[Shape | None], batch_axes: int) -> None:
    """Put the features of outputs that a node does not declare in ``shapes``: deltas, and later
    outputs, have them."""
    for k in node.outs:
        if shapes[k] is None:
            shapes[k] = values[k].shape[batch_axes:]


def read_off(node: Node, saved: Saved, dy: Given) -> dict[str, Array]:
    """The parameter gradients of a node that holds a Layer, checked against its parameters."""
    layer: Layer = node.block  # type: ignore[assignment]  # the node of a Layer; a check would take time
    grads: dict[str, Array] = layer.backward_params(saved, dy)
    if not isinstance(grads, dict):
        raise TypeError(
            f"{layer}: backward_params must return a dict of arrays, found {type(grads).__name__}"
        )
    complete = not (isinstance(dy, tuple) and any(part is None for part in dy))
    if (complete and grads.keys() != layer.params.keys()) or grads.keys() - layer.params.keys():
        raise TypeError(
            f"{layer}: backward_params must return {list(layer.params)}, found {list(grads)}; "
            "return one for each"
        )
    return {key: _gradient(layer, key, grad) for key, grad in grads.items()}


def _gradient(layer: Layer, key: str, grad: Given) -> Array:
    """The gradient of a parameter as an array of its shape, of real numbers unless the parameter is
    complex."""
    p = layer.params[key]
    found: Array = np.asarray(_plain(f"{layer}: the gradient of {key}", grad))
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


def take_deltas(node: Node, deltas: list[T | None]) -> T | tuple[T | None, ...] | None:
    """The ``dy`` of a node, removed from ``deltas``: None where no output has one, a tuple for
    several outputs. Of arrays, or of what stands for them in a rehearsal."""
    dys = [deltas[k] for k in node.outs]
    for k in node.outs:
        deltas[k] = None
    if all(dy is None for dy in dys):
        return None
    return dys[0] if len(dys) == 1 else tuple(dys)


def take_delta(node: Node, deltas: list[T | None]) -> T | None:
    """The same of a node of one output."""
    (k,) = node.outs
    found, deltas[k] = deltas[k], None
    return found


def add_deltas(node: Node, dxs: Sequence[Array | None], deltas: Deltas) -> None:
    """Send deltas on to the arguments."""
    send(node.args, dxs, deltas)


def send(values: Sequence[int], given: Sequence[Array | None], deltas: Deltas) -> None:
    """Put the deltas of ``values`` there; where a value was split, they are summed into a new
    array."""
    for k, delta in zip(values, given, strict=True):
        if delta is not None:
            present = deltas[k]
            deltas[k] = delta if present is None else present + delta


def alone(delta: Array | None) -> Array | None:
    """A delta that waits for the chunk before, without the larger array that it is a part of."""
    whole = None if delta is None else delta.base
    return (
        delta.copy()
        if delta is not None and whole is not None and whole.nbytes > delta.nbytes
        else delta
    )


def backward_node(node: Node, saved: Saved, deltas: Deltas, shapes: Shapes) -> Given:
    """The delta recursion of a node that holds a Layer. Returns its dy, for the parameter
    gradients."""
    dy = take_deltas(node, deltas)
    if dy is not None:
        layer: Layer = node.block  # type: ignore[assignment]  # the node of a Layer; a check would take time
        dxs = layer.backward_inputs(saved, dy)
        add_deltas(
            node, _checked(node, dxs, dy if isinstance(dy, tuple) else (dy,), shapes), deltas
        )
    return dy


def _checked(
    node: Node, dxs: Given, dys: Sequence[Array | None], shapes: Shapes
) -> tuple[Array | None, ...]:
    """Returns the deltas of a node as plain arrays.

    Raises where their shapes differ from those of the inputs, or their dtype from that of dy.
    """
    if not isinstance(dxs, tuple) or len(dxs) != len(node.args):
        found = f"{len(dxs)} deltas" if isinstance(dxs, tuple) else type(dxs).__name__
        raise TypeError(
            f"{node.block}: backward_inputs must return a tuple of {len(node.args)} deltas, found "
            f"{found}"
        )
    out, dy = next((k, dy) for k, dy in zip(node.outs, dys, strict=True) if dy is not None)
    batch = _batch_axes(dy, shapes[out])
    plain: tuple[Array | None, ...] = tuple(
        [_plain(f"{node.block}: delta {k}", dx) for k, dx in enumerate(dxs)]
    )
    for number, (k, dx) in enumerate(zip(node.args, plain, strict=True)):
        if dx is None:
            continue
        if not isinstance(dx, np.ndarray):
            raise TypeError(
                f"{node.block}: delta {number} must be an array, found {type(dx).__name__}"
            )
        if not _fits(dx.dtype, dy.dtype):
            raise DtypeError(
                f"{node.block}: delta {number} has dtype {dx.dtype}, those that reached it "
                f"{dy.dtype}; let backward_inputs compute in the dtype of dy"
            )
        features = shapes[k]
        if batch is not None and features is not None and dx.shape != (*batch, *features):
            raise ShapeError(
                f"{node.block}: delta {number} has shape {dx.shape}, expected "
                f"{(*batch, *features)}; give it the shape of input {number}"
            )
    return plain


def _batch_axes(x: Array, features: Shape | None) -> Shape | None:
    """The axes of an array before its features; None where these are not known."""
    return None if features is None else x.shape[: x.ndim - len(features)]


def _fits(found: Dtype, dtype: Dtype) -> bool:
    return found == dtype or (dtype.kind == "c" and found == np.float64)
