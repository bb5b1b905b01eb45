"""Chunks of a model that runs forward only; of a stack several by one call."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import final

import numpy as np

from rnnbp.bptt.chunk import Chunks
from rnnbp.bptt.lane_chunks import LaneChunks
from rnnbp.graph.node_checks import Values
from rnnbp.inputs.problem import Problem
from rnnbp.inputs.states import States
from rnnbp.numerics import Array, Shape
from rnnbp.runners.lanes import delta_shape
from rnnbp.runners.stretch_length import most_chunks

TOPS = 2**21
"""Bytes of the outputs of the last Recurrent of a stack that one call computes, at most."""


@final
class ForwardChunks(LaneChunks):
    """Runs chunks of a problem forward, one after the other."""

    def begin(self, problem: Problem, *, seed: int, training: bool) -> None:
        super().begin(problem, seed=seed, training=training)
        self.present: States = problem.state
        """The state after the last chunk that has run."""

    def rest(self) -> Chunks:
        del self.present
        return super().rest()

    def in_order(self) -> Iterator[tuple[int, Array]]:
        """(n, the outputs of chunk n), from the first chunk on."""
        problem, done = self.problem, 0
        most, whole = self._most, problem.steps // problem.chunk if problem.known else 0
        for n in problem.numbers():
            count = min(most, whole - n)
            if n >= done and count > 1:
                done = n + count
                for k, top in enumerate(self._tops(n, count)):
                    yield n + k, self._after_tail(n + k, top)
            elif n >= done:
                self.present, y = self.outputs(n, self.present)
                yield n, y

    @property
    def _most(self) -> int:
        """The chunks that one call computes, at most."""
        problem, parts = self.problem, self.parts
        if not self._lanes_in_one_go or parts.frontier != parts.body[-1].outs:
            return 1
        most = most_chunks(
            work=sum(cell.flops(problem.chunk) for cell in self.lane_cells),
            rows=problem.chunk * problem.batch,
            row_bytes=0,
            lanes=True,
            room=0 if self.tables else None,
        )
        return min(most, TOPS // (math.prod(self._top_shape) * problem.dtype.itemsize))

    @property
    def _top_shape(self) -> Shape:
        """Of the outputs of the last lane for a chunk."""
        return delta_shape(self.lane_cells[-1], self.problem.chunk)

    def _tops(self, n: int, count: int) -> list[Array]:
        """The outputs of the last lane for chunks of full length from n on."""
        length, *row = self._top_shape
        whole = np.empty((count * length, *row), self.problem.dtype)
        tops = [whole[at : at + length] for at in range(0, count * length, length)]
        wanted = (False,) * (count - 1) + (True,)
        self.present = self.advanced(n, wanted, self.present, tops)[-1]
        return tops

    def _after_tail(self, n: int, top: Array) -> Array:
        """The model's output for chunk n, from that of the last lane."""
        values: Values = [*self.fixed.known]
        values[self.parts.frontier[0]] = top
        for node in self.parts.tail:
            self._forward(node, values, n)
        y: Array = values[self.model.outputs[0]]
        return y
