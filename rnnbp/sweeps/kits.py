"""What a run of a network leaves to the next like it: memory, and what its sweeps have made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import final

from rnnbp.bptt.ragged_chunks import RaggedChunks
from rnnbp.bptt.sweep_chunks import SweepChunks
from rnnbp.inputs.problem import Problem
from rnnbp.memory_pool import Reuse, reuse
from rnnbp.support.prepared import prepared
from rnnbp.sweeps.network import PosedNetwork


@final
class Left:
    """The chunks of sweeps that have ended, by number of the sweep."""

    def __init__(self, chunks: dict[int, SweepChunks]) -> None:
        self.chunks = chunks


@final
class Kits:
    """Memory of a run, and the chunks of its sweeps.

    Args:
        network: of the run.
        what: what tells kinds of runs apart, apart from sizes.
    """

    def __init__(self, network: PosedNetwork, *what: object) -> None:
        graph = network.graph
        shapes = [(path, owner[key].shape) for path, (owner, key) in graph.slots.items()]
        sizes = [(axis, of.longest, of.ragged) for axis, of in network.lengths.items()]
        chunks = [(axis, rows.chunk) for axis, rows in network.rows.items()]
        lead = [None if shape is None else tuple(shape) for shape in network.shapes]
        how = network.batch, network.dtype, network.backend, network.training
        key = (*what, *shapes, *sizes, *chunks, *lead, *how, *network.resets)
        self.memory: Reuse = reuse(key)
        self.owner = prepared(graph.origin)
        left = self.memory.kit(self.owner, Left)
        self._left = {} if left is None else left.chunks
        self.used: dict[int, SweepChunks] = {}

    def chunks(
        self, sweep: int, problem: Problem, wanted: tuple[bool, ...], seed: int
    ) -> SweepChunks:
        """Those of a sweep, which the last run may have left."""
        found = self._left.pop(sweep, None)
        if found is not None and found.wanted == wanted:
            found.begin(problem, seed=seed, training=problem.training)
        else:
            training, memory = problem.training, self.memory
            kind = SweepChunks if problem.rows is None else RaggedChunks
            found = kind(problem, wanted, seed=seed, training=training, memory=memory)
        self.used[sweep] = found
        return found

    def rest(self, sweep: int) -> None:
        """A sweep has ended: what belongs to its run alone is dropped."""
        self.used[sweep].rest()

    def end(self, sizes: Iterable[tuple[int, int]]) -> None:
        """Leave all of it to the next run, once each sweep has ended.

        Args:
            sizes: for each sweep the bytes of its program, and of tables that were made later.
        """
        programs, tables = (sum(each) for each in zip(*sizes, strict=True))
        self.memory.end(Left(self.used), self.owner, programs + tables, tables)
