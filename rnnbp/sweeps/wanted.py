"""What a run of a network is asked for, and which of its values have deltas then."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from rnnbp.graph.graph import Graph
from rnnbp.graph.over_time.base import OverTime
from rnnbp.numerics import Dtype, Shape
from rnnbp.planning.outlet_sizes import OutletSizes
from rnnbp.support.lazy import cached_property
from rnnbp.sweeps.blocks import IN_MEMORY, Place
from rnnbp.sweeps.chunk_rows import ChunkRows
from rnnbp.sweeps.output_losses import Output
from rnnbp.sweeps.stage import Ending


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
        size, steps = math.prod(shape) * dtype.itemsize, rows.length(0) * rows.batch
        outputs = [each for each in self.outputs if end.result and each.value == end.value]
        losses = [each for each in outputs if each.trained]
        kept = any(each.whole for each in losses) or bool(self.returns_y and outputs)
        held = end.edge and end.value in self.reached
        # a delta that lies where values did is copied, without what is there of rows that ended
        apart = held and end.once and rows.lengths.ragged
        taking, made = 0, len(losses)
        for node in end.reductions:
            assert isinstance(node.block, OverTime)
            taking = max(taking, node.block.spare(rows.length(0), rows.batch, shape, dtype))
            made += bool(self.reached.intersection(node.outs))
        spare = max((each.needs for each in losses), default=0.0)
        spare += size * (min(made, 2) * (made + held > 1) + (apart and self.place.disk))
        wanted = end.edge or bool(end.reductions) or kept
        return OutletSizes(
            wanted,
            taking / steps,
            made + held > 0,
            held and not (made or apart or self.place.disk),
            spare,
        )
