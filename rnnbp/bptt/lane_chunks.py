"""Chunks of a model whose Recurrents may be lanes, each with a workspace of its own."""

from __future__ import annotations

import math

from rnnbp.bptt.chunk import Chunks
from rnnbp.graph.layout import layouts
from rnnbp.inputs.problem import Problem
from rnnbp.numerics import Array
from rnnbp.runners.lane_shares import ROOM
from rnnbp.runners.lanes import between_bytes, delta_shape, lanes_of
from rnnbp.runners.runner_sizes import RunnerSizes
from rnnbp.runners.select import sizes


class LaneChunks(Chunks):
    """Runs chunks of a problem; each by itself, as ``Chunks``."""

    def begin(self, problem: Problem, *, seed: int, training: bool) -> None:
        super().begin(problem, seed=seed, training=training)
        self.lanes: tuple[int, ...] = ()
        """The Recurrents by number, in order; () where they are no lanes."""
        self._cells: dict[int, RunnerSizes] = {}
        if len(self.parts.recurrent) > 1:
            self._divide(problem)

    def _divide(self, problem: Problem) -> None:
        """Find the lanes, and give each but the last a workspace; that has the one of the model."""
        shapes, backend = (problem.shapes, problem.batch, problem.dtype), problem.backend
        found = layouts(problem.model, *shapes, training=problem.training)
        cells = {k: sizes(of, backend, self.parts.symbols_of(k)) for k, of in found.items()}
        self.lanes = lanes_of(self.parts, cells)
        shared = self.workspace
        for number in self.lanes[:-1]:
            if number not in shared.apart:
                shared.apart[number] = shared.another()
                shared.apart[number].first = between_bytes(cells[number], problem.chunk)
            shared.apart[number].threads = shared.threads
            self._cells[number] = cells[number]

    def rest(self) -> Chunks:
        self._cells.clear()
        return super().rest()

    @property
    def delta_bytes(self) -> int:
        """Bytes of the last delta between lanes: a Backward has reserved them for an array of its
        own, which stretches do without.
        """
        shape = [delta_shape(self._cells[k], self.problem.chunk) for k in self.lanes[-2:-1]]
        return sum(map(math.prod, shape)) * self.problem.dtype.itemsize

    def between(self, number: int) -> list[Array]:
        """The buffers in which a lane finds the deltas of its y, round by round in turn."""
        shape = delta_shape(self._cells[number], self.problem.chunk)
        return self.workspace.apart[number].lasting(shape, self.problem.dtype, ROOM)
