"""What a run of a network is asked for, and which of its values have deltas then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from rnnbp.graph.graph import Graph
from rnnbp.graph.over_time.base import OverTime
from rnnbp.numerics import Dtype, Shape
from rnnbp.planning.outlet_sizes import DeltaSizes, OutletSizes
from rnnbp.support.lazy import cached_property
from rnnbp.sweeps.blocks import IN_MEMORY, Place
from rnnbp.sweeps.chunk_rows import ChunkRows
from rnnbp.sweeps.output_losses import Output
from rnnbp.sweeps.stage import Ending

FLAGS = 2
"""Bytes of whether a row has ended at a step, and whether it has not."""


@final
@dataclass(frozen=True, eq=False)
class Wanted:
    """What is kept and trained.

    Attributes:
        graph: the network.
        outputs: its outputs, with their losses.
        returns_y: whether outputs are kept.
        keeps_dx: whether the gradients by inputs are kept.
        place: of edges.
        final: by number of the nodes of Recurrents, those whose final state has deltas that were
            passed.
    """

    graph: Graph
    outputs: Sequence[Output]
    returns_y: bool = False
    keeps_dx: bool = False
    place: Place = IN_MEMORY
    final: frozenset[int] = frozenset()

    @cached_property
    def reached(self) -> frozenset[int]:
        """The values that deltas come to: those that outputs with a loss are computed from."""
        found = {each.value for each in self.outputs if each.trained}
        for node in reversed(self.graph.nodes):
            if found.intersection(node.outs):
                found.update(node.args)
        return frozenset(found)

    def outlet(self, end: Ending, rows: ChunkRows, shape: Shape, dtype: Dtype) -> OutletSizes:
        """The bytes of what becomes of an output of a sweep.

        Args:
            shape: its feature shape.
            dtype: of its elements.
        """
        outputs = [each for each in self.outputs if end.result and each.value == end.value]
        losses = [each for each in outputs if each.trained]
        kept = any(each.whole for each in losses) or bool(self.returns_y and outputs)
        taking, steps = 0, rows.length(0) * rows.batch
        reduced = []
        for node in end.reductions:
            assert isinstance(node.block, OverTime)
            taking = max(taking, node.block.spare(rows.length(0), rows.batch, shape, dtype))
            reduced += [DeltaSizes()] * bool(self.reached.intersection(node.outs))
        edge, whole_edge = self._of_edge(end, rows)
        deltas = *edge, *reduced, *[DeltaSizes(spare=each.needs) for each in losses]
        whole = *whole_edge, *reduced, *[DeltaSizes(spare=each.needs_whole) for each in losses]
        wanted = end.edge or bool(end.reductions) or kept
        found = OutletSizes(wanted, taking / steps, deltas, whole if whole != deltas else None)
        return found if rows.lengths.ragged else found.of_whole

    def _of_edge(
        self, end: Ending, rows: ChunkRows
    ) -> tuple[tuple[DeltaSizes, ...], tuple[DeltaSizes, ...]]:
        """(the deltas of an edge, one or none; those in chunks in which no row ends)."""
        if not end.edge or end.value not in self.reached:
            return (), ()
        disk, ragged = self.place.disk, rows.lengths.ragged
        # deltas that take the place of values are copied, without values where rows have ended
        apart = end.once and ragged
        ended = DeltaSizes(held=not (disk or apart), spare=FLAGS * apart)
        return (ended,), (DeltaSizes(held=not disk),)
