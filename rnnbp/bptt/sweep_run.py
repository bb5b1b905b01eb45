"""One run of a schedule over a sweep: forward, a pause in which others run, and backward."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain

from rnnbp.actions import Action, Advance, Keep, Record
from rnnbp.bptt.action_stream import reading_ahead, reporting
from rnnbp.bptt.outlets import InputDeltas, Outlets
from rnnbp.bptt.progress import Progress
from rnnbp.bptt.resolve import Resolved
from rnnbp.bptt.results import Stats
from rnnbp.bptt.scheduled import Scheduled
from rnnbp.bptt.sweep_chunks import SweepChunks
from rnnbp.bptt.sweep_sums import SweepGradients, SweepSums
from rnnbp.inputs.states import FinalDeltas, States
from rnnbp.ledger import Ledger
from rnnbp.memory_pool import Reuse
from rnnbp.planning.network_objects import SweepObjects
from rnnbp.planning.sweep_sizes import SweepSizes
from rnnbp.schedules.sized import table_bytes
from rnnbp.storage import PathLike


class SweepRun(Scheduled):
    """A run of one sweep: ``forward`` and ``backward`` are called once each, ``close`` at the end.

    Args:
        resolved: the problem in its chunks, with its ``SweepSizes``.
        chunks: of that problem; the run computes the values that are the same at all steps.
        outlets: of the outputs.
        dxs: by number of an input, what takes its deltas.
        ledger: counts what this and other sweeps hold. Arrays that belong to others, as parameters,
            are external to it; static inputs that are not copies are there, or external.
        memory: of what the run takes; sweeps of one ledger may share one. By default fresh memory.
        folder: of checkpoints on disk.
        bar: shows the steps that have been run; None for no bar.
    """

    def __init__(
        self,
        resolved: Resolved,
        chunks: SweepChunks,
        outlets: Outlets,
        *,
        ledger: Ledger,
        dxs: Mapping[int, InputDeltas] | None = None,
        memory: Reuse | None = None,
        folder: PathLike | None = None,
        bar: Progress | None = None,
    ) -> None:
        assert isinstance(resolved.sizes, SweepSizes)
        chunks.compute_fixed(keep=True)
        self.sums = SweepSums(chunks, outlets, dxs or {})
        own = resolved, chunks, self.sums, ledger
        kept = Reuse() if memory is None else memory
        super().__init__(*own, memory=kept, folder=folder, bar=bar)
        self.outlets, self._actions, self._taking = outlets, resolved.actions, chunks
        self._forecast = resolved.sizes
        self._wanted = any(outlets.wanted)
        self._unseen = 0
        """The first chunk that has not run yet."""
        self._paused = 0
        """Bytes of Python's objects around what is held between forward and backward."""
        self._left: Iterable[Action] = ()

    def forward(self) -> States:
        """Run the actions up to the first Backward. Returns the final state."""
        self._begin()
        actions = iter(self._ahead(self._actions))
        self._left = chain([self._forward(iter(self._reporting(actions)))], actions)
        held, slots = self.held, self.held.slots
        counts = len(held.tapes), len(held.thin), len(slots), slots.in_tier["disk"]
        self._paused = self.sizes.objects.waiting(self.problem.chunk, *counts)
        return self.final

    def backward(self, dstate: FinalDeltas = ()) -> SweepGradients:
        """Run the others, and return what all have computed.

        Args:
            dstate: for each Recurrent, deltas of its final state, None for zero; () for none.
        """
        actions, self._left = self._left, ()
        if self._wanted and not self.uses_disk and self.chunks.in_one_go:
            actions = self.fused.find(actions)
        self._backward(self._reporting(actions), dstate)
        self._end()
        tables = table_bytes(self._actions)
        stats = self.counter.stats(self.problem, self.ledger, self.sizes, tables)
        return self.sums.gradients(stats)

    def objects(self, stats: Stats) -> SweepObjects:
        """Bytes of Python's own objects, with what its stats say of them."""
        stays = self.sizes.objects.stays(self.problem.rows, self.problem.chunk)
        return SweepObjects(stats.object_bytes, stays, self._paused)

    def _end(self) -> None:
        """Gradients and programs are still counted, of what the run has held: the next run of its
        kind takes the programs.
        """
        super()._end()
        self.ledger.count("program", self.sizes.program(self.problem.chunk))
        self.ledger.count("program", sum(self.tables.values()))
        self.ledger.release(self._always)
        self._always = ()

    def _ahead(self, actions: Iterable[Action]) -> Iterable[Action]:
        """The actions, with what is done before some of them."""
        if not self._wanted and self.chunks.in_one_go:
            actions = self.fused.find(actions)
        return reading_ahead(actions, self.held) if self.uses_disk else actions

    def _reporting(self, actions: Iterable[Action]) -> Iterable[Action]:
        return actions if self.bar is None else reporting(actions, self._report)

    def _do(self, action: Action, state: States) -> States:
        """Run one action; outputs are taken where it runs a chunk for the first time."""
        n = action.n
        if not self._wanted or n != self._unseen or not isinstance(action, Advance | Keep | Record):
            return super()._do(action, state)
        self._unseen += 1
        match action:
            case Record():
                with self._reserved(self._forecast.record_taken, n):
                    tape, ys = self._taking.record_taken(n, state)
                    self.outlets.take(n, ys)
                    self.held.hold(n, tape)
                return self._ran(n, tape.leaving())
            case Keep():
                with self._reserved(self._forecast.advance_taken, n):
                    thin, ys = self._taking.keep_taken(n, state)
                    self.outlets.take(n, ys)
                    self.held.hold_thin(n, thin)
                return self._ran(n, thin.leaving())
            case Advance():
                with self._reserved(self._forecast.advance_taken, n):
                    after, ys = self._taking.advance_taken(n, state)
                    self.outlets.take(n, ys)
                return self._ran(n, after)
