"""The chunks of a network's sweeps, by time axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rnnbp.graph.graph import Graph
from rnnbp.inputs.chunk_length import default_chunks
from rnnbp.numerics import Shape
from rnnbp.sweeps.chunk_rows import ChunkRows
from rnnbp.sweeps.lengths import Lengths


def rows_by_axis(
    graph: Graph,
    shapes: Sequence[Shape],
    lengths: Mapping[str, Lengths],
    chunks: Mapping[str, int],
) -> dict[str, ChunkRows]:
    """The chunks of the sweeps over each axis of a network.

    Args:
        shapes: feature shapes of the inputs.
        chunks: steps in a chunk, by those axes that they are passed for.
    """
    missing = {axis: of.longest for axis, of in lengths.items() if axis not in chunks}
    batch = next(iter(lengths.values())).batch
    ragged = [axis for axis in missing if lengths[axis].ragged]
    found = {**default_chunks(graph, shapes, batch, missing, ragged), **chunks}
    return {axis: ChunkRows(of, found[axis]) for axis, of in lengths.items()}
