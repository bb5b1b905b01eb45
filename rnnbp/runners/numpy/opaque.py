"""Layers that are not lowered: run by their own methods inside a program, batch first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rnnbp.compiler.op import Opaque
from rnnbp.graph.deltas import Deltas
from rnnbp.graph.graph import Node
from rnnbp.graph.layout import check_declared, check_saved
from rnnbp.graph.node_calls import backward_node, forward_node, read_off
from rnnbp.graph.node_checks import Values, check_outputs
from rnnbp.numerics import Array, Dtype, Saved, Shape
from rnnbp.rng import Context
from rnnbp.runners.sums import Accumulator


class OpaqueRun:
    """One layer in one chunk: what it saved, and the deltas that its parameters wait for.

    Args:
        dtype: of the model. keeps: whether what it saves is kept for backward.
    """

    def __init__(self, opaque: Opaque, context: Context, dtype: Dtype, *, keeps: bool) -> None:
        self.opaque, self.context, self.dtype, self.keeps = opaque, context, dtype, keeps
        count = len(opaque.shapes)
        outs = tuple(range(count, count + opaque.layer.n_outputs))
        self.shapes = *opaque.shapes, *opaque.layer.output_shapes(*opaque.shapes)
        self.node = Node(opaque.node.number, opaque.layer, tuple(range(count)), outs)
        self.saved: dict[int, tuple[int, bool, Saved]] = {}
        """By step: where its block begins, whether that is a block, and what was saved."""
        self.waiting: dict[int, tuple[Array | None, ...]] = {}

    def step(self, t: int, xs: tuple[Array, ...], ys: tuple[Array, ...]) -> None:
        """Forward in step t of the chunk; arrays are (features, B)."""
        context = replace(self.context, step=self.context.step + t, length=None)
        saved = self._forward(xs, ys, context)
        if self.keeps:
            self.saved[t] = t, False, saved

    def block(self, t0: int, t1: int, xs: tuple[Array, ...], ys: tuple[Array, ...]) -> None:
        """Forward in several steps at once; arrays are (L, features, B)."""
        saved = self._forward(
            xs, ys, replace(self.context, step=self.context.step + t0, length=t1 - t0)
        )
        if self.keeps:
            self.saved.update(dict.fromkeys(range(t0, t1), (t0, True, saved)))

    def _forward(self, xs: tuple[Array, ...], ys: tuple[Array, ...], context: Context) -> Saved:
        lying = _as_given if self.opaque.layer.symbols else _batch_first
        values: Values = [lying(x, shape) for x, shape in zip(xs, self.opaque.shapes, strict=True)]
        values += [None] * len(ys)
        saved = forward_node(self.node, values, context)
        check_outputs(self.node, values, self.dtype, self.shapes)
        if self.keeps:
            check_declared(self.node, self.opaque.layer.keeps(*self.opaque.shapes), saved, values)
            if not self.saved:  # the first of a chunk
                check_saved(self.node, saved, values, 1 if context.length is None else 2)
        for y, found in zip(ys, values[len(xs) :], strict=True):
            _put(y, found)
        return saved

    def step_back(self, t: int, dys: tuple[Array | None, ...], dxs: tuple[Array, ...]) -> None:
        """Backward in step t."""
        start, block, saved = self.saved[t]
        parts = tuple([part[t - start] for part in saved]) if block else saved
        given = self._deltas(dys, parts)
        if self.opaque.layer.params:
            self.waiting[t] = given
        self._backward(parts, given, dxs)

    def block_back(
        self, t0: int, t1: int, dys: tuple[Array | None, ...], dxs: tuple[Array, ...]
    ) -> None:
        """Backward in several steps at once."""
        saved = self._several(t0, t1)
        given = self._deltas(dys, saved)
        for t in range(t0, t1 if self.opaque.layer.params else t0):
            self.waiting[t] = tuple([None if d is None else d[t - t0] for d in given])
        self._backward(saved, given, dxs)

    def _deltas(self, dys: tuple[Array | None, ...], saved: Saved) -> tuple[Array | None, ...]:
        shapes = self.shapes[len(self.opaque.shapes) :]
        return tuple(
            [
                None if d is None else _batch_first(d, s or ())
                for d, s in zip(dys, shapes, strict=True)
            ]
        )

    def _backward(
        self, saved: Saved, given: tuple[Array | None, ...], dxs: tuple[Array, ...]
    ) -> None:
        deltas: Deltas = [*[None] * len(self.node.args), *given]
        backward_node(self.node, saved, deltas, self.shapes)
        for place, dx in zip(dxs, deltas, strict=False):
            place.fill(0) if dx is None else _put(place, dx)

    def _several(self, t0: int, t1: int, *, copy: bool = False) -> Saved:
        start, block, saved = self.saved[t0]
        if block and start == t0 and self.saved[t1 - 1][0] == t0:
            return tuple([part.copy() if copy else part for part in saved])
        steps = []
        for t in range(t0, t1):
            begun, is_block, parts = self.saved[t]
            steps.append(tuple([part[t - begun] for part in parts]) if is_block else parts)
        return tuple([np.stack(parts) for parts in zip(*steps, strict=True)])

    def finish(self, length: int, grads: Accumulator) -> None:
        """The parameter gradients of the chunk."""
        layer = self.opaque.layer
        if not self.waiting:
            return
        deltas = [self.waiting[t] for t in range(length)]
        dys = tuple(
            [None if parts[0] is None else np.stack(parts) for parts in zip(*deltas, strict=True)]
        )
        saved = self._several(0, length, copy=True)  # as many bytes, however the tape was made
        grads.add(layer.params, read_off(self.node, saved, dys[0] if layer.n_outputs == 1 else dys))

    def arrays(self) -> list[Saved]:
        """All that it holds, as a nest of arrays."""
        return [saved for _, _, saved in self.saved.values()]


def _batch_first(x: Array, shape: Shape) -> Array:
    """(..., features, B) as a new array (..., B, *shape)."""
    moved = np.array(np.swapaxes(x, -1, -2), order="C")
    return moved.reshape(*moved.shape[:-1], *shape)


def _as_given(x: Array, shape: Shape) -> Array:
    """(..., 1, B) as a view (..., B): symbols, which are the run's x."""
    return np.swapaxes(x, -1, -2).reshape(*x.shape[:-2], x.shape[-1], *shape)


def _put(place: Array, found: Array) -> None:
    """(..., B, *shape) into (..., features, B)."""
    lead = found.shape[: place.ndim - 1]
    np.copyto(place, np.swapaxes(found.reshape(*lead, -1), -1, -2))
