"""The shards of a batch: which rows each has, and how they are cut out."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from rnnbp.checks.arrays import plain
from rnnbp.checks.kinds import is_stream, sliceable
from rnnbp.graph.axes import value_axes
from rnnbp.graph.graph import Graph
from rnnbp.inputs.given import InputsLike, TargetLike
from rnnbp.inputs.passed import passed
from rnnbp.numerics import Array
from rnnbp.sweeps.by_output import OutputForm
from rnnbp.train.source import Batch

AxisOf: TypeAlias = Callable[[int], int | None]
"""The axis of rows of an input or output, by its number; None for one without."""
SERIES, STATIC = 1, 0
"""Axes of the rows of a series (T, B, ...), and of a static value (B, ...)."""


def blocks(count: int, shards: int) -> list[Array]:
    """The rows of each shard: contiguous blocks, whose sizes differ by 1 at most."""
    ends = [count * k // shards for k in range(shards + 1)]
    return [np.arange(a, b) for a, b in pairwise(ends)]


def dealt(lengths: Array, shards: int) -> list[Array]:
    """The rows of each shard, dealt by length to and fro, so that all have about as many steps."""
    order = np.argsort(-lengths, kind="stable")
    turns = np.arange(len(order)) % (2 * shards)
    owner = np.minimum(turns, 2 * shards - 1 - turns)
    return [np.sort(order[owner == k]) for k in range(shards)]


def rows_in(graph: Graph, batch: Batch) -> int:
    """B of a batch in memory. Raises ValueError for a stream."""
    values = passed(graph, batch.x)[0]
    first = values[graph.pers.index("step")]
    if is_stream(first):
        raise _no_stream()
    return int(np.shape(first)[SERIES])


def cut(graph: Graph, batch: Batch, rows: Array) -> Batch:
    """Some rows of a batch in memory, by their numbers. Raises ValueError for a stream."""
    own = {"step": SERIES, "sequence": STATIC}
    values, form = passed(graph, batch.x)
    axes, steps = value_axes(graph), [*map(own.get, graph.pers)]
    x = form.of([_rows("x", a, axis, rows) for a, axis in zip(values, steps, strict=True)])
    outputs = [SERIES if axes[node] else STATIC for node in graph.outputs]
    target, mask = (
        _of_outputs(graph, name, given, outputs, rows)
        for name, given in (("target", batch.target), ("mask", batch.mask))
    )
    lengths = batch.lengths if isinstance(batch, Batch) else None
    if isinstance(lengths, dict):
        lengths = {key: each[rows] for key, each in lengths.items()}
    elif lengths is not None:
        lengths = lengths[rows]
    reset = batch.reset if isinstance(batch, Batch) else None
    reset = None if reset is None else np.ascontiguousarray(reset[:, rows])
    return Batch(x, target, mask, batch.fresh, lengths, reset)


def _of_outputs(
    graph: Graph, name: str, given: TargetLike, axes: list[int], rows: Array
) -> TargetLike:
    """The rows of targets or masks, in the form in which they are passed."""
    form = OutputForm.of_graph(graph)
    if isinstance(given, dict):
        known = {form.key(k): axes[k] for k in range(len(form))}
        return {key: _rows(name, each, known.get(key, SERIES), rows) for key, each in given.items()}
    if len(form) > 1 and isinstance(given, tuple | list):
        return tuple(
            [_rows(name, each, axis, rows) for each, axis in zip(given, axes, strict=True)]
        )
    return _rows(name, given, axes[0], rows)


def _rows(name: str, given: InputsLike, axis: int | None, rows: Array) -> InputsLike:
    """Some rows of an array; what has none as it is."""
    if given is None or axis is None:
        return given
    if is_stream(given):
        raise _no_stream()
    array = given if sliceable(given) else plain(name, given)
    return np.ascontiguousarray(array[:, rows] if axis else array[rows])


def _no_stream() -> ValueError:
    return ValueError(
        "Trainer: parallel cuts batches by rows, and this one is a stream; give arrays, or "
        "parallel=None"
    )
