"""How the rows of a batch end and begin anew, as ``bptt``, ``predict`` and ``evaluate`` take it."""

from __future__ import annotations

from typing import TypedDict

from rnnbp.bptt.networks import LengthsLike
from rnnbp.graph.axes import is_over_time
from rnnbp.graph.graph import Graph
from rnnbp.train.source import Batch


class RowOptions(TypedDict, total=False):
    """Arguments that are passed only where they are needed."""

    lengths: LengthsLike
    reset: LengthsLike


def row_options(graph: Graph, batch: Batch) -> RowOptions:
    """The options of a batch; none for a model of one direction without resets.

    There its mask leaves out what is past the ends, with the bits of arrays that are padded by
    hand, and within any budget.
    """
    if not isinstance(batch, Batch) or (batch.lengths is None and batch.reset is None):
        return {}
    if batch.reset is None and not is_over_time(graph):
        return {}
    found: RowOptions = {"lengths": batch.lengths, "reset": batch.reset}
    return found
