"""The bytes of a sweep of a network, before it runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

from rnnbp.graph.over_time.base import OverTime
from rnnbp.inputs.problem import Problem
from rnnbp.numerics import Shape
from rnnbp.planning.sweep_sizes import SweepSizes, sizes_of_sweep
from rnnbp.sweeps.chunk_rows import ChunkRows
from rnnbp.sweeps.stage import Sweep
from rnnbp.sweeps.sweep_inputs import EdgeInput, Gathered
from rnnbp.sweeps.wanted import Wanted

PLACE, PLACES = 8, 17
"""Bytes of the number of a place of a step of a row; of all, those of rows that are alive, and of
which those are.
"""


@final
class SweepBytes:
    """What a sweep takes.

    Args:
        sweep: the stage.
        problem: what it is to the engine.
        rows: its chunks.
        wanted: of the run.

    Attributes:
        shapes: the feature shapes of its outputs.
        sizes: bytes of its actions.
        by_chunk: those of chunks whose rows are known to a ledger.
    """

    def __init__(self, sweep: Sweep, problem: Problem, rows: ChunkRows, wanted: Wanted) -> None:
        self.sweep, self.rows, self.dtype = sweep, rows, problem.dtype
        self.by_chunk: dict[int, SweepSizes] = {}
        values = sweep.graph.value_shapes(*problem.shapes)
        self.shapes: Sequence[Shape] = [values[k] or () for k in sweep.graph.outputs]
        ends = zip(sweep.outputs, self.shapes, strict=True)
        reached = wanted.reached
        self.sizes: SweepSizes = sizes_of_sweep(
            problem,
            [wanted.outlet(end, rows, shape, problem.dtype) for end, shape in ends],
            sinks=self._sinks(problem, keeps_dx=wanted.keeps_dx, whole=False),
            whole_sinks=self._sinks(problem, keeps_dx=wanted.keeps_dx, whole=True),
            dstate=[
                each.number
                for each in sweep.unrollings
                if each.node in wanted.final or reached.intersection(each.final)
            ],
        )

    def _sinks(self, problem: Problem, *, keeps_dx: bool, whole: bool) -> float:
        """Temporary bytes, for a step of a row, of taking the deltas of inputs.

        Args:
            whole: for a chunk in which no row ends.
        """
        item, found, lengths = problem.dtype.itemsize, 0, self.rows.lengths
        for part in (problem.x, *problem.others.series.values()):
            size = math.prod(part.shape[1:]) * item
            if isinstance(part, EdgeInput):
                edge = part.edge
                across = edge.reached and lengths.ragged and part.reverse != edge.reverse
                copies = 2 - edge.once - whole
                found = max(found, across * (copies * size + (PLACE if whole else PLACES)))
            elif isinstance(part, Gathered) and keeps_dx and part.dtype.kind in "fc":
                apart = part.reverse and lengths.ragged  # row by row
                copied = not (part.once or apart)  # else it is written, or added where it lies
                moved = copied and (lengths.ragged or lengths.order is not None)
                found = max(found, moved * size)
        return found

    def edge(self, value: int) -> int:
        """The bytes of an edge that it writes."""
        at = [end.value for end in self.sweep.outputs].index(value)
        return self.rows.total * math.prod(self.shapes[at]) * self.dtype.itemsize

    @property
    def reductions(self) -> int:
        """The bytes of what its outputs are reduced to."""
        total = 0
        for end, shape in zip(self.sweep.outputs, self.shapes, strict=True):
            for node in end.reductions:
                assert isinstance(node.block, OverTime)
                total += node.block.nbytes(self.rows.batch, self.rows.steps, shape, self.dtype)
        return total
