"""A network over time with all that it is run on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.over_time import WholeSeries
from rnnbp.inputs.given import StateLike
from rnnbp.inputs.held import Held
from rnnbp.inputs.passed import Form
from rnnbp.inputs.states import final_deltas_of
from rnnbp.numerics import Array, Dtype, Shape
from rnnbp.runners.backend import Backend
from rnnbp.sweeps.chunk_rows import ChunkRows
from rnnbp.sweeps.lengths import Lengths
from rnnbp.sweeps.recurrent_nodes import recurrent_of_node


@final
@dataclass(frozen=True)
class PosedNetwork:
    """A network, its inputs and initial states, checked.

    Attributes:
        graph: as it is run.
        form: how the inputs were passed.
        series: by number, the inputs that are series, as they were passed.
        static: by number, static inputs as layers read them.
        copied: the numbers of those that are copies.
        dtype: of all that is computed.
        lengths: by axis, of its rows.
        rows: by axis, the chunks of its sweeps.
        resets: by axis, the steps (T, B) at which rows begin anew.
        states: by number of a Recurrent's node, its initial state (B, ...), as it was passed.
        given: the numbers of those whose state was passed.
    """

    graph: Graph
    form: Form
    series: Mapping[int, Held]
    static: Mapping[int, Array]
    copied: frozenset[int]
    dtype: Dtype
    lengths: Mapping[str, Lengths]
    rows: Mapping[str, ChunkRows]
    resets: Mapping[str, Array]
    states: Mapping[int, tuple[Array, ...]]
    given: frozenset[int]
    shapes: Sequence[Shape | None]
    axes: Sequence[str]
    backend: Backend
    training: bool

    @property
    def batch(self) -> int:
        """B."""
        return next(iter(self.lengths.values())).batch

    def rows_of(self, value: int) -> ChunkRows:
        """The chunks of the axis of a series."""
        return self.rows[self.axes[value]]

    def final_deltas(self, dstate: StateLike) -> dict[int, Sequence[Array | None]]:
        """By number of a Recurrent's node, the deltas of its final state, as they were passed."""
        blocks = [block for node in self.recurrent if (block := recurrent_of_node(node))]
        found = final_deltas_of(blocks, dstate, self.batch, self.dtype)
        given = zip(self.recurrent, found, strict=True) if found else ()
        return {node.number: deltas for node, deltas in given if deltas is not None}

    @property
    def recurrent(self) -> tuple[Node, ...]:
        """The nodes that run Recurrents, in order."""
        return recurrent_nodes(self.graph)


def recurrent_nodes(graph: Graph) -> tuple[Node, ...]:
    """The nodes that run Recurrents, in order: those of states that are passed and returned."""
    return tuple([node for node in graph.nodes if recurrent_of_node(node) is not None])


def with_whole(
    graph: Graph, shapes: list[Shape | None], axes: Sequence[str], lengths: Mapping[str, Lengths]
) -> list[Shape | None]:
    """Shapes with those of whole series, which have as many lines as the axis has steps."""
    for node in graph.nodes:
        features = shapes[node.args[0]] if isinstance(node.block, WholeSeries) else None
        if features is not None:
            steps = lengths[axes[node.args[0]]].longest
            shapes[node.outs[0]], shapes[node.outs[1]] = (steps, *features), (steps,)
    return shapes
