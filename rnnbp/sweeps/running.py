"""One run of a sweep of a network: forward, a pause in which other stages run, and backward."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import final

from rnnbp.bptt.progress import Progress
from rnnbp.bptt.ragged_chunks import RaggedChunks
from rnnbp.bptt.ragged_run import RaggedRun
from rnnbp.bptt.resolve import Resolved, of_schedule
from rnnbp.bptt.sweep_chunks import SweepChunks
from rnnbp.bptt.sweep_run import SweepRun
from rnnbp.bptt.sweep_sums import SweepGradients
from rnnbp.graph.deltas import Deltas, send
from rnnbp.graph.over_time.base import OverTime
from rnnbp.inputs.states import States
from rnnbp.memory_pool import Reuse
from rnnbp.numerics import Array
from rnnbp.planning.predicted_ledger import FIXED as STATIC
from rnnbp.schedules import ScheduleLike
from rnnbp.storage import PathLike
from rnnbp.sweeps.shared import Shared
from rnnbp.sweeps.sinks import EdgeSink, ReductionSink, Sink
from rnnbp.sweeps.stage import Ending, Sweep, Unrolling
from rnnbp.sweeps.sweep_bytes import SweepBytes
from rnnbp.sweeps.sweep_outlets import SweepOutlets
from rnnbp.sweeps.sweep_problem import input_deltas, sweep_problem
from rnnbp.sweeps.wanted import Wanted


@final
class RunningSweep:
    """A sweep of a run.

    Args:
        sweep: the stage.
        shared: what the stages of the run share.
        results: by number of a value, the sinks of the network's outputs that it is.
        wanted: of the run.
    """

    def __init__(
        self,
        sweep: Sweep,
        shared: Shared,
        results: Mapping[int, Sequence[Sink]],
        wanted: Wanted,
    ) -> None:
        self.sweep, self.shared = sweep, shared
        self.rows = shared.network.rows[sweep.axis]
        self.problem = sweep_problem(sweep, shared)
        self.bytes = SweepBytes(sweep, self.problem, self.rows, wanted)
        self.reached = wanted.reached
        self.reductions: dict[int, ReductionSink] = {}
        """By number of a node of the network that reduces a series."""
        self.outlets = SweepOutlets([self._sinks(end, results) for end in sweep.outputs])

    def _sinks(self, end: Ending, results: Mapping[int, Sequence[Sink]]) -> list[Sink]:
        """Where the values of an output go."""
        shape, dtype = self.bytes.shapes[self.sweep.outputs.index(end)], self.problem.dtype
        found: list[Sink] = []
        if end.edge:
            edge = self.shared.new_edge(end, self.rows, shape, reached=end.value in self.reached)
            edge.open()
            found.append(EdgeSink(edge))
        for node in end.reductions:
            assert isinstance(node.block, OverTime)
            size = self.rows.batch, self.rows.steps, shape, dtype
            reduced = node.block.begin(*size, reverse=end.reverse)
            sink = self.reductions[node.number] = ReductionSink(reduced, self.rows)
            self.shared.ledger.hold("reductions", reduced.arrays())
            found.append(sink)
        return found + list(results.get(end.value, ()) if end.result else ())

    def hand_on(self, final: States) -> None:
        """Put final states and reduced values among the network's static values."""
        shared, lengths = self.shared, self.rows.lengths
        for unrolling, state in zip(self.sweep.unrollings, final, strict=True):
            found = tuple([lengths.scattered(a) for a in state])
            shared.final[unrolling.node] = found
            shared.ledger.hold(STATIC, found)
            for k, array in zip(unrolling.final, found, strict=False):
                shared.values[k] = array
        for end in self.sweep.outputs:
            for node in end.reductions:
                values = self.reductions[node.number].reduced.values()
                for k, value in zip(node.outs, values, strict=True):
                    shared.put(k, lengths.scattered(value))

    def resolved(self, checkpoint: ScheduleLike) -> Resolved:
        """The actions of a schedule for its chunks."""
        return of_schedule(checkpoint, self.problem, self.bytes.sizes)

    def started(
        self,
        resolved: Resolved,
        chunks: SweepChunks,
        memory: Reuse,
        folder: PathLike | None,
        bar: Progress | None,
    ) -> SweepRun:
        """The engine's run of it."""
        dxs, ledger = input_deltas(self.sweep, self.shared), self.shared.ledger
        if isinstance(chunks, RaggedChunks):
            ragged = resolved, chunks, self.outlets
            return RaggedRun(*ragged, ledger=ledger, dxs=dxs, memory=memory, folder=folder, bar=bar)
        given = resolved, chunks, self.outlets
        return SweepRun(*given, ledger=ledger, dxs=dxs, memory=memory, folder=folder, bar=bar)

    def release(self, edges: Iterable[int]) -> None:
        """Release what only the way back of this sweep needed.

        Args:
            edges: those whose values no other sweep reads any more.
        """
        for sink in self.reductions.values():
            self.shared.ledger.release(sink.reduced.arrays())
            sink.deltas = ()
        self.reductions.clear()
        for value in edges:
            self.shared.edges[value].read_by_all()
        for end in self.sweep.outputs:
            if end.edge:
                self.shared.edges.pop(end.value).close()

    def take(self, deltas: Deltas) -> list[Array]:
        """Take the deltas of what its outputs are reduced to, in the order of its rows."""
        lengths, taken = self.rows.lengths, list[Array]()
        for end in self.sweep.outputs:
            for node in end.reductions:
                found = list[Array | None]()
                for k in node.outs:
                    delta, deltas[k] = deltas[k], None
                    found.append(None if delta is None else lengths.gathered(delta))
                    del delta  # a whole series may be among them
                self.reductions[node.number].deltas = found
                taken += [part for part in found if part is not None]
        return taken

    def backward(
        self, run: SweepRun, deltas: Deltas, dstate: Mapping[int, Sequence[Array | None]]
    ) -> SweepGradients:
        """Run backward after ``take``, and send deltas on to static values of the network.

        Args:
            deltas: of the network's values.
            dstate: by number of a Recurrent's node, deltas of its final state, as they were passed.
        """
        lengths = self.rows.lengths
        self._turn()
        final = [self._final(each, deltas, dstate) for each in self.sweep.unrollings]
        sent = run.backward(final)
        for k, delta in sent.dstatic.items():
            source = self.sweep.inputs[k]
            if source.state is None:
                send([source.value], [lengths.scattered(delta)], deltas)
            else:
                self.shared.dinitials[source.state] = delta.sum(axis=0)
        for each, parts in zip(self.sweep.unrollings, sent.dstate, strict=True):
            parts = tuple([lengths.scattered(part) for part in parts])
            self.shared.dstates[each.node] = parts
            for value, part in zip(each.given, parts, strict=False):
                if value is not None:
                    send([value], [part], deltas)
        return sent

    def _turn(self) -> None:
        """Allocate what the deltas of the inputs are added to."""
        for source in self.sweep.inputs:
            if source.value in self.shared.edges and source.per == "step":
                self.shared.edges[source.value].turn()
            elif source.per == "step" and self.shared.has_dx(source.value):
                self.shared.dx(source.value)

    def _final(
        self, unrolling: Unrolling, deltas: Deltas, dstate: Mapping[int, Sequence[Array | None]]
    ) -> list[Array | None] | None:
        """The deltas of the final state of a Recurrent; None where all are zero."""
        own = dstate.get(unrolling.node, ())
        count = max(len(own), len(unrolling.final))
        found: list[Array | None] = [None] * count
        for parts in (own, [deltas[k] for k in unrolling.final]):
            send(range(len(parts)), parts, found)
        lengths = self.rows.lengths
        gathered = [None if part is None else lengths.gathered(part) for part in found]
        return None if all(part is None for part in gathered) else gathered
