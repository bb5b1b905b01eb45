"""Memories that a cell looks up: how many features their lines must have, and checks of that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rnnbp.graph.over_time.whole import WholeSeries
from rnnbp.layers.masked import Masked
from rnnbp.layers.product import Product
from rnnbp.numerics import Shape, ShapeError
from rnnbp.support.prepared import Remembered

if TYPE_CHECKING:
    from rnnbp.graph.cell import Cell
    from rnnbp.graph.recurrent import Recurrent
    from rnnbp.graph.values import Value


def _lines(cell: Cell) -> dict[int, int]:
    """By number of an input of a cell, the features that a product needs its lines to have."""
    if None not in cell.input_shapes[: cell.n_inputs]:
        return {}
    try:
        shapes = cell.value_shapes(*cell.input_shapes)
    except ShapeError:  # one written anew for a run, whose other inputs stand for what is not known
        return {}
    memories, found = {k: k for k in range(cell.n_inputs)}, dict[int, int]()
    for node in cell.nodes:
        first = memories.get(node.args[0]) if node.args else None
        if first is None:
            continue
        if isinstance(node.block, Masked):
            memories[node.outs[0]] = first
        elif isinstance(node.block, Product) and not node.block.turned:
            looked = shapes[node.args[1]]
            if looked and cell.input_shapes[first] is None:
                found.setdefault(first, looked[0])
    return found


_lines_of: Remembered[Cell, dict[int, int]] = Remembered(_lines)


def check_shapes(recurrent: Recurrent, shapes: Sequence[Shape | None]) -> None:
    """Raise ShapeError for a memory (S, n) whose lines do not have the features of what looks."""
    for k, n in _lines_of.of(recurrent.cell).items():
        shape = shapes[k]
        if shape is not None and (len(shape) != 2 or shape[1] != n):
            raise _misfit(recurrent, k, n, f"(S, n) = {shape}", shape[-1] if shape else None)


def check_values(recurrent: Recurrent, inputs: Sequence[Value]) -> None:
    """``check_shapes`` of series as a whole, whose features are known where S is not."""
    for k, n in _lines_of.of(recurrent.cell).items():
        source = inputs[k].source
        if source is None or not isinstance(source.block, WholeSeries):
            continue
        if inputs[k].index == 1:
            raise ShapeError(
                f"{recurrent}: {_name(recurrent, k)} is a memory (S, {n}), found the mask (S,) of "
                "WholeSeries; give its two values in order, memory, then mask"
            )
        features = source.args[0].shape
        if features is not None and features != (n,):
            series = f"the states of a series of features {features}"
            raise _misfit(recurrent, k, n, series, features[0] if len(features) == 1 else None)


def _name(recurrent: Recurrent, k: int) -> str:
    return f"input {recurrent.cell.input_names[k] or k}"


def _misfit(recurrent: Recurrent, k: int, n: int, found: str, size: int | None) -> ShapeError:
    cure = "" if size is None else f", or put Dense({size}, {n}) before it"
    return ShapeError(
        f"{recurrent}: {_name(recurrent, k)}, a memory, axis -1 must have size {n}, as what looks it "
        f"up in the cell has, found {found}; build the cell for that many features{cure}"
    )
