"""The nodes of the cells that ONNX has, of one direction or both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnnbp.interchange.onnx_out.gated import STATES, Gated
from rnnbp.interchange.onnx_out.parts import Tensor
from rnnbp.interchange.onnx_out.rows import TimeRows
from rnnbp.interchange.onnx_out.shaping import zeros
from rnnbp.interchange.onnx_out.writer import Writer


def gated_node(
    to: Writer,
    cells: Sequence[Gated],
    x: Tensor,
    states: Sequence[Sequence[Tensor] | None],
    rows: TimeRows,
    direction: str,
) -> list[list[Tensor]]:
    """The node of one direction or two: for each, y and the final states.

    Args:
        states: of each direction its initial states, or None for zeros.
        direction: "forward", "reverse" or "bidirectional".
    """
    first, n = cells[0], cells[0].n
    lengths = rows.lengths
    if lengths is not None:
        lengths = to.emit("Cast", lengths, shape=(), to=np.dtype(np.int32))
    starts = _starts(to, first, states, x)
    held = {key: _directions(to, cells, key) for key in ("W", "R", "B", "P")}
    given = [x, held["W"], held["R"], held["B"], lengths, *starts]
    given += [held["P"]] if first.kind == "LSTM" else []
    while given[-1] is None:
        given.pop()
    options = {"hidden_size": n, "direction": direction, **first.options}
    if "activation" in options:
        del options["activation"]
        options["activations"] = [str(cell.options["activation"]) for cell in cells]
    sides, names = len(cells), STATES[first.kind]
    results = [(2, (sides, n)), *[(1, (n,)) for _ in names]]
    y, *ends = to.call(first.kind, given, results, options)
    return [
        [_side(to, t, k, 2 if t is y else 1, 1 if t is y else 0) for t in (y, *ends)]
        for k in range(sides)
    ]


def _side(to: Writer, t: Tensor, k: int, lead: int, axis: int) -> Tensor:
    """What belongs to a direction, without the axis of directions."""
    place = to.constant(np.array(k, np.int64))
    return to.emit("Gather", t, place, shape=t.shape[-1:], lead=lead, axis=axis)


def _directions(to: Writer, cells: Sequence[Gated], key: str) -> Tensor | None:
    """The weights of all directions under a name, (D, ...); None where no cell has them."""
    like = next((cell.weights[key] for cell in cells if key in cell.weights), None)
    if like is None:
        return None
    parts = [cell.weights.get(key, np.zeros_like(like)) for cell in cells]
    return to.constant(np.stack(parts), f"{cells[0].kind.lower()}.{key}")


def _starts(
    to: Writer, cell: Gated, states: Sequence[Sequence[Tensor] | None], x: Tensor
) -> list[Tensor | None]:
    """The initial states (D, B, n) of all directions; None for zeros."""
    names = STATES[cell.kind]
    if all(each is None for each in states):
        return [None] * len(names)
    found: list[Tensor | None] = []
    for k in range(len(names)):
        parts = [
            to.emit("Unsqueeze", zeros(to, (cell.n,), x) if each is None else each[k],
                    to.ints(0), shape=(cell.n,), lead=1)
            for each in states
        ]  # fmt: skip
        whole = parts[0]
        if len(parts) > 1:
            whole = to.emit("Concat", *parts, shape=(cell.n,), lead=1, axis=0)
        found.append(whole)
    return found
