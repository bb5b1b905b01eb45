"""A network posed before there is any data: shapes alone, for forecasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

import numpy as np

from rnnbp.graph.axes import value_axes
from rnnbp.graph.graph import Graph
from rnnbp.inputs.held import Held
from rnnbp.inputs.passed import Form
from rnnbp.numerics import Array, Dtype, Shape
from rnnbp.runners.backend import BackendLike
from rnnbp.runners.refused import backend_for
from rnnbp.sweeps.axis_chunks import rows_by_axis
from rnnbp.sweeps.lengths import Lengths
from rnnbp.sweeps.network import PosedNetwork, recurrent_nodes, with_whole
from rnnbp.sweeps.recurrent_nodes import recurrent_of_node


@final
class DrySeries(Held):
    """A series (T, B, ...) in C order that is never read."""

    def __init__(self, steps: int, batch: int, shape: Shape, dtype: Dtype) -> None:
        # not Held's own, which holds an array of the caller's
        self.steps, self.shape, self.dtype = steps, (batch, *shape), dtype
        self.array, self.fresh, self.mapped = None, dtype.kind not in "fc", False
        self._file, self._fixed = None, []

    @property
    def views(self) -> bool:
        return True


def dry(shape: Shape, dtype: Dtype) -> Array:
    """An array that takes no memory."""
    found: Array = np.broadcast_to(np.zeros((), dtype), shape)
    return found


def dry_network(
    graph: Graph,
    shapes: Sequence[Shape],
    lengths: Mapping[str, Lengths],
    backend: BackendLike,
    *,
    resets: bool = False,
    training: bool = True,
) -> PosedNetwork:
    """A network with inputs of these feature shapes, () for symbols.

    Args:
        lengths: of the rows of each axis.
        resets: True if rows begin anew at some steps, of all axes.
    """
    assert graph.dtype is not None
    axes, batch = value_axes(graph), next(iter(lengths.values())).batch
    series, static = _inputs(graph, shapes, axes, lengths)
    states = {
        node.number: tuple([dry((batch, *s), graph.dtype) for s in block.cell.state_shapes])
        for node in recurrent_nodes(graph)
        if (block := recurrent_of_node(node)) is not None
    }
    flags = {axis: dry((of.steps, batch), np.dtype(np.bool_)) for axis, of in lengths.items()}
    rows = rows_by_axis(graph, shapes, lengths, {})
    given = series, static, frozenset[int](), graph.dtype, lengths, rows, flags if resets else {}
    values = with_whole(graph, graph.value_shapes(*shapes), axes, lengths), axes
    own = backend_for(graph, backend), training
    form = Form(several=len(shapes) > 1)
    return PosedNetwork(graph, form, *given, states, frozenset(), *values, *own)


def _inputs(
    graph: Graph, shapes: Sequence[Shape], axes: Sequence[str], lengths: Mapping[str, Lengths]
) -> tuple[dict[int, Held], dict[int, Array]]:
    """(series, static inputs), by number."""
    series, static = dict[int, Held](), dict[int, Array]()
    batch, floats = next(iter(lengths.values())).batch, graph.dtype or np.dtype(np.float32)
    for k, (per, shape) in enumerate(zip(graph.pers, shapes, strict=True)):
        if per == "step":
            own = floats if shape else np.dtype(np.int64)
            series[k] = DrySeries(lengths[axes[k]].steps, batch, shape, own)
        else:
            static[k] = dry((batch, *shape), floats)
    return series, static
