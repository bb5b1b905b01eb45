"""Chunks of sequences of different lengths: each of the rows that are alive at its first step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, final

import numpy as np

from rnnbp.bptt.accumulators import Accumulators
from rnnbp.bptt.chunk import ChunkLoss, Chunks, DeltaStates
from rnnbp.bptt.chunk_tapes import ChunkTape
from rnnbp.bptt.fixed_nodes import FixedNodes
from rnnbp.bptt.fixed_rows import FixedRows
from rnnbp.bptt.sweep_chunks import SweepChunks
from rnnbp.graph.deltas import Deltas
from rnnbp.graph.node_checks import Values
from rnnbp.inputs.problem import Problem
from rnnbp.inputs.states import States
from rnnbp.losses.outputs import Scalar
from rnnbp.memory_pool import Reuse
from rnnbp.numerics import Array, Saved
from rnnbp.runners.factory import LayerRunner
from rnnbp.runners.layer_deltas import Into
from rnnbp.runners.sums import Accumulator


@final
class RaggedChunks(SweepChunks):
    """Runs chunks of a problem with ``rows``; arguments as of ``SweepChunks``.

    Rows are sorted by length, the longest first, so those of a chunk are the first of the batch. A
    row that ends within it holds its state until it ends (``graph.held``): the states after a chunk
    are final for the rows that are not alive in the next.
    """

    fixed_nodes: ClassVar[type[FixedNodes]] = FixedRows

    def __init__(
        self,
        problem: Problem,
        wanted: Sequence[bool],
        *,
        seed: int,
        training: bool,
        memory: Reuse | None = None,
    ) -> None:
        super().__init__(problem, wanted, seed=seed, training=training, memory=memory)
        self._all = self.programs, self.layers
        self._once: dict[int, LayerRunner] = {k: OnceLayer(r) for k, r in self.layers.items()}

    def begin(self, problem: Problem, *, seed: int, training: bool) -> None:
        super().begin(problem, seed=seed, training=training)
        self._rows = problem.batch
        """Those of the chunk that runs."""
        self.final: States = tuple([tuple(map(np.empty_like, state)) for state in problem.state])
        """The final states, (B, ...), of the rows that have ended so far."""
        self.given: DeltaStates = {}
        """Deltas of final states, by number of a Recurrent, in the way back."""

    @property
    def in_one_go(self) -> bool:
        return False

    def rest(self) -> Chunks:
        self._take(self.problem.batch)
        self.final, self.given = (), {}
        return super().rest()

    def leave(self, n: int, states: States) -> States:
        problem = self.problem
        live, rows = problem.live(n), problem.live(n + 1)
        if live == rows:
            return states
        for ended, state in zip(self.final, states, strict=True):
            for all_, array in zip(ended, state, strict=True):
                all_[rows:live] = array[rows:]
        return cut(states, rows)

    def ended(self, states: States) -> States:
        return self.final

    def backward(
        self,
        n: int,
        tape: ChunkTape,
        loss: ChunkLoss,
        dstates: DeltaStates,
        grads: Accumulators,
        into: Mapping[int, Array],
    ) -> tuple[Scalar, Deltas]:
        self._take(self.problem.live(n))
        self._widen(n, dstates)
        found = super().backward(n, tape, loss, dstates, grads, into)
        if n == 0:
            self.given = {}
        return found

    def _begin(self, n: int) -> Values:
        self._take(self.problem.live(n))
        return super()._begin(n)

    def _take(self, rows: int) -> None:
        """Let the runners be those of ``rows`` rows."""
        if rows == self._rows:
            return
        self._rows = rows
        self.programs, self.layers = self._all
        if rows < self.problem.batch:
            self.programs = {k: program.of_rows(rows) for k, program in self.programs.items()}
            self.layers = self._once
        assert isinstance(self.fixed, FixedRows)
        self.fixed.cut(rows)

    def _widen(self, n: int, dstates: DeltaStates) -> None:
        """Let the deltas of the state after chunk n be those of all its rows.

        Before the last chunk ``dstates`` has those of the final states of all rows.
        """
        if n + 1 == self.problem.chunks:
            self.given = dict(dstates)
            dstates.update({k: (None,) * len(deltas) for k, deltas in dstates.items()})
        after, rows = self.problem.live(n + 1), self.problem.live(n)
        if after < rows:
            for number, deltas in dstates.items():
                pairs = zip(deltas, self.given[number], strict=True)
                dstates[number] = tuple([_joined(d, end, after, rows) for d, end in pairs])


def cut(states: States, rows: int) -> States:
    """States of the first rows: copies, unless there are no others."""
    if all(len(array) == rows for state in states for array in state):
        return states
    return tuple([tuple([array[:rows].copy() for array in state]) for state in states])


def _joined(delta: Array | None, final: Array | None, after: int, rows: int) -> Array | None:
    """The delta of ``after`` rows that go on, and of a final state of those up to ``rows``."""
    like = final if delta is None else delta
    if like is None:
        return None
    found = np.zeros((rows, *like.shape[1:]), like.dtype)
    if delta is not None:
        found[:after] = delta
    if final is not None:
        found[after:] = final[after:rows]
    return found


@final
class OnceLayer(LayerRunner):
    """A LayerRunner for numbers of rows of which few come again: it keeps no tables for them."""

    def __init__(self, runner: LayerRunner) -> None:
        self._runner = runner

    def takes(self, *arrays: object) -> bool:
        return self._runner.takes(*arrays)

    def prepare(self) -> None:
        self._runner.prepare()

    def renew(self) -> None:
        self._runner.renew()

    def forward(self, x: Array, *, once: bool = True) -> tuple[Array, Saved]:
        return self._runner.forward(x, once=True)

    def backward(
        self, saved: Saved, dy: Array, grads: Accumulator, into: Into = (), *, once: bool = True
    ) -> Array:
        return self._runner.backward(saved, dy, grads, into, once=True)
