"""A run whose stretches of chunks machine code runs in rounds."""

from __future__ import annotations

from rnnbp.actions import Record
from rnnbp.bptt.run_sums import RunSums
from rnnbp.bptt.scheduled import Scheduled
from rnnbp.bptt.stretches import StretchRunner
from rnnbp.inputs.states import States
from rnnbp.numerics import Array
from rnnbp.planning.tables import reversing
from rnnbp.schedules.stretches import Step, Stretch


class Stretched(Scheduled):
    """What it holds, counts and adds up is that of one action after the other."""

    sums: RunSums
    stretches: StretchRunner

    def _run(self, action: Step, state: States) -> States:
        if not isinstance(action, Stretch):
            return self._do(action, state)
        if action.kind is Record:
            return self._record_all(action.n, action.count, state)
        self._reverse_all(action.n, action.count)
        return state

    def _record_all(self, n: int, count: int, state: States) -> States:
        """Record chunks from n on; the last of the sequence may be shorter, and runs alone."""
        whole = min(count, self.problem.chunks - 1 - n)
        if whole:
            with self._reserved(self.sizes.record, n):
                tapes = self.stretches.record(n, whole, state)
                self.held.hold_all(n, tapes)
            self.counter.steps += whole * self.problem.chunk
            self.live.ran(last=False)
            state = tapes[-1].leaving()
        return self._do(Record(n + whole), state) if whole < count else state

    def _reverse_all(self, n: int, count: int) -> None:
        """Run chunks from n down backward."""
        end = n - count
        while n > end:
            done = self._reverse_some(n, self._to_cut(n, min(n - end, self._of_part())))
            if not done:
                self._reverse(n)
            n -= done or 1

    def _of_part(self) -> int:
        """The chunks that can go backward before a part of the sums ends; 0 if it ends now."""
        done = self._sums.chunks % self._sums.part
        return self._sums.part - done if done else 0

    def _to_cut(self, n: int, most: int) -> int:
        """The chunks from n down before deltas are cut, or ``most``."""
        return next((k + 1 for k in range(most) if self.sums.cuts(n - k)), most)

    def _reverse_some(self, n: int, count: int) -> int:
        """How many chunks from n down have gone backward by one call: all, or none."""
        problem, sums, length = self.problem, self.sums, self.problem.length(n)
        # The first of a length makes tables: as late as it can, where y and dy have gone.
        ready = length in self.tables and not self._given and sums.has_all_deltas
        ready = ready and self.stretches.reverses and sums.y is None
        if not ready or count < 2 or length < problem.chunk:
            return 0
        need = reversing(self.sizes, length, length, first=False, given=False, tabled=True)[0]
        with self.ledger.reserve("workspace", need, self.sizes.brief(length)):
            tapes = [self.held.tapes[k] for k in range(n, n - count, -1)]
            given = sums.dstates, sums.grads, self._dx()
            values = self.stretches.backward(n, tapes, *given)
            if values is None:
                return 0
            self.held.release_all(range(n, n - count, -1))
            del tapes
        for value in values:
            sums.loss.add(value)
        sums.chunks += count
        if sums.ended(n + 1 - count):
            self.live.reversed(cut=True)
        return count

    def _dx(self) -> Array | None:
        """Where the delta of x goes."""
        return self.sums.dxs.get(self.chunks.parts.x) if self.sums.placed else None
