"""Calls of one node of a graph: its layer forward and backward."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnnbp.graph.deltas import Deltas, add_deltas, take_deltas
from rnnbp.graph.graph import Node
from rnnbp.graph.node_checks import (
    Shapes,
    Values,
    checked_deltas,
    checked_gradient,
    settled,
)
from rnnbp.layers.base import Given, Layer
from rnnbp.layers.dense import Dense
from rnnbp.numerics import Array, Saved, Shape
from rnnbp.rng import Context


def forward_node(node: Node, values: Values, context: Context) -> Saved:
    """Run a node that holds a Layer, from its arguments in ``values`` to its outputs there."""
    layer: Layer = node.block  # type: ignore[assignment]  # of a Layer; a check takes time
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
    return settled(node, values, saved)


def learn(node: Node, values: Sequence[Given], shapes: list[Shape | None], batch_axes: int) -> None:
    """Put features that a node does not declare in ``shapes``, for deltas and later outputs."""
    for k in node.outs:
        if shapes[k] is None:
            shapes[k] = values[k].shape[batch_axes:]


def read_off(node: Node, saved: Saved, dy: Given) -> dict[str, Array]:
    """The parameter gradients of a node that holds a Layer, checked against its parameters."""
    layer: Layer = node.block  # type: ignore[assignment]  # of a Layer; a check takes time
    grads: dict[str, Array] = layer.backward_params(saved, dy)
    if not isinstance(grads, dict):
        raise TypeError(
            f"{layer}: backward_params must return a dict of arrays, found {type(grads).__name__}"
        )
    some = isinstance(dy, tuple) and any(part is None for part in dy)
    complete = not (some or (isinstance(layer, Dense) and layer.partial))
    if (complete and grads.keys() != layer.params.keys()) or grads.keys() - layer.params.keys():
        raise TypeError(
            f"{layer}: backward_params must return {list(layer.params)}, found {list(grads)}; "
            "return one for each"
        )
    return {key: checked_gradient(layer, key, grad) for key, grad in grads.items()}


def backward_node(node: Node, saved: Saved, deltas: Deltas, shapes: Shapes) -> Given:
    """The delta recursion of a node that holds a Layer. Returns its dy, for its gradients."""
    dy = take_deltas(node, deltas)
    layer: Layer = node.block  # type: ignore[assignment]  # of a Layer; a check takes time
    if dy is None and layer.charges:
        dy = np.broadcast_to(saved[0].dtype.type(0), saved[0].shape)
    if dy is not None:
        dxs = layer.backward_inputs(saved, dy)
        dys = dy if isinstance(dy, tuple) else (dy,)
        add_deltas(node, checked_deltas(node, dxs, dys, shapes), deltas)
    return dy
