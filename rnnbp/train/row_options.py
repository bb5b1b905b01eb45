"""How the rows of a batch end and begin anew, as ``bptt``, ``predict`` and ``evaluate`` take it."""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from rnnbp.bptt.networks import LengthsLike
from rnnbp.graph.axes import is_over_time, value_axes
from rnnbp.graph.graph import Graph
from rnnbp.inputs.passed import passed
from rnnbp.numerics import Array, ShapeError
from rnnbp.train.source import Batch


class RowOptions(TypedDict, total=False):
    """Arguments that are passed only where they are needed."""

    lengths: LengthsLike
    reset: LengthsLike


def row_options(graph: Graph, batch: Batch, *, planned: bool = False) -> RowOptions:
    """The options of a batch; none for a model of one direction without resets.

    There its mask leaves out what is past the ends, with the bits of arrays that are padded by
    hand, and within any budget; without a mask its lengths do, and where a plan has been ``planned``
    with lengths.

    Raises ShapeError for inputs of one time axis that end differently.
    """
    if not isinstance(batch, Batch) or (batch.lengths is None and batch.reset is None):
        return {}
    lengths: LengthsLike = batch.lengths
    if isinstance(batch.lengths, dict):
        lengths = _by_axis(graph, batch.lengths)
    elif batch.lengths is not None and (axes := _alike(graph, batch)):
        lengths = dict.fromkeys(axes, batch.lengths)
    by_mask = batch.mask is not None and not planned
    if batch.reset is None and by_mask and not is_over_time(graph):
        return {}
    found: RowOptions = {"lengths": lengths, "reset": batch.reset}
    return found


def axis_of_input(graph: Graph, key: str | int) -> str:
    """The time axis of an input, by its name or number; "" for one that there is not."""
    names = graph.input_names
    number = key if isinstance(key, int) else names.index(key) if key in names else len(names)
    return value_axes(graph)[number] if number < len(names) else ""


def _alike(graph: Graph, batch: Batch) -> tuple[str, ...]:
    """The time axes of a model of several whose inputs have the same number of steps."""
    axes = tuple(dict.fromkeys(axis for axis in graph.axes if axis))
    if len(axes) < 2:
        return ()
    each = zip(passed(graph, batch.x)[0], graph.pers, strict=True)
    steps = {np.shape(part)[0] for part, per in each if per == "step"}
    return axes if len(steps) == 1 else ()


def _by_axis(graph: Graph, lengths: dict[str | int, Array]) -> dict[str, Array]:
    """Lengths of inputs as those of their axes; those of an axis by its own name stay."""
    axes = {*value_axes(graph)}
    found, first = dict[str, Array](), dict[str, str | int]()
    for key, own in lengths.items():
        of_axis = isinstance(key, str) and key in axes and key not in graph.input_names
        axis = str(key) if of_axis else axis_of_input(graph, key)
        known = found.setdefault(axis, own)
        before = first.setdefault(axis, key)
        if not np.array_equal(known, own):
            row = int(np.argmax(known != own))
            raise ShapeError(
                f"x[{key!r}] and x[{before!r}] are series of one time axis, {axis!r}, and end "
                f"differently: row {row} after {own[row]} and {known[row]} steps; end them alike, "
                f"or give one of them an axis of its own, as Input(n, {key!r}, axis={key!r})"
            )
    return found
