"""A Recurrent of any cell as a Scan, whose body is the cell node by node.

What needs no state is written outside, for all steps at once, and so is what feeds no state: the
body has what is between.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from rnnbp.graph.graph import Node
from rnnbp.graph.recurrent import Recurrent
from rnnbp.interchange.onnx_out.body import Body
from rnnbp.interchange.onnx_out.layer_forms import written
from rnnbp.interchange.onnx_out.parts import Tensor
from rnnbp.interchange.onnx_out.rows import TimeRows
from rnnbp.interchange.onnx_out.shaping import level, spread
from rnnbp.interchange.onnx_out.writer import Writer, port
from rnnbp.layers.base import Layer

Known: TypeAlias = dict[int, Tensor]
"""Tensors by number of a value of the cell."""


def scanned(
    to: Writer, block: Recurrent, args: Sequence[Tensor], states: Sequence[Tensor], rows: TimeRows
) -> list[Tensor]:
    """y (T, B, ...) and the final states (B, ...) of a Recurrent.

    Args:
        args: the inputs of the cell.
        states: its initial states.
    """
    cell, series = block.cell, next(t for t in args if t.lead == 2)
    body = to.body = Body()
    known: Known = dict(enumerate(args))
    for k, state in enumerate(states):
        known[cell.n_inputs + k] = Tensor(to.names.new("state"), 1, state.shape, inner=True)
    olds = [known[cell.n_inputs + k] for k in range(len(states))]
    body.section.inputs[:0] = [port(t, to.dtype) for t in olds]
    _run(to, cell.feeding, known)
    nexts = [
        _held(to, known[k], t, rows, series) for k, t in zip(cell.outputs[1:], olds, strict=True)
    ]
    later = [n for n in cell.ancestors(cell.outputs[:1]) if n not in cell.feeding]
    wanted = {*cell.outputs[:1], *(k for node in later for k in node.args)}
    leaving = [k for k in sorted(wanted) if k in known and known[k].inner]
    ends = [to.emit("Identity", known[k], shape=known[k].shape) for k in leaving]
    body.section.outputs = [port(t, to.dtype) for t in (*nexts, *ends)]
    if not body.series:
        to.step(series)
    to.body = None
    made = _node(to, body, states, ends, reverse=block.reverse)
    finals, found = made[: len(states)], made[len(states) :]
    known.update(zip(leaving, found, strict=True))
    _run(to, later, known)
    return [level(to, known[cell.outputs[0]], series), *finals]


def _run(to: Writer, nodes: Sequence[Node], known: Known) -> None:
    """Writes nodes of a cell, each where its arguments are."""
    for node in nodes:
        assert isinstance(node.block, Layer)
        outs = written(node.block, to, [known[k] for k in node.args])
        known.update(zip(node.outs, outs, strict=True))


def _held(to: Writer, new: Tensor, old: Tensor, rows: TimeRows, series: Tensor) -> Tensor:
    """The state that a step hands on: the old one, of a row that has ended.

    In reverse the steps past the end come first, and so a row begins at its true end.
    """
    assert to.body is not None
    present = level(to, new, old)
    if rows.lengths is not None:
        mask = rows.mask(series)
        if mask.name not in to.body.known:
            to.take(mask, np.dtype(np.bool_))
        there = spread(to, to.body.known[mask.name], len(old.shape))
        present = to.emit("Where", there, present, old, shape=old.shape)
    return to.call("Identity", [present], [(1, old.shape)], {}, within=True)[0]


def _node(
    to: Writer, body: Body, states: Sequence[Tensor], ends: Sequence[Tensor], *, reverse: bool
) -> list[Tensor]:
    """The Scan: final states, and series."""
    given = body.series
    results = [*((1, t.shape) for t in states), *((2, t.shape) for t in ends)]
    more: dict[str, object] = {"body": body.section, "num_scan_inputs": len(given)}
    if reverse:
        more["scan_input_directions"] = [1] * len(given)
    if reverse and ends:
        more["scan_output_directions"] = [1] * len(ends)
    return to.call("Scan", [*states, *given], results, more)
