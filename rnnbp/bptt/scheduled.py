"""The actions of a schedule, run chunk by chunk. The only owner of tapes and slots."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager

from rnnbp.actions import Action, Advance, Backward, Drop, Keep, Load, Rebuild, Record, Store
from rnnbp.bptt.chunk import Chunks
from rnnbp.bptt.counter import Counter
from rnnbp.bptt.fused_advances import FusedAdvances
from rnnbp.bptt.holdings import Holdings
from rnnbp.bptt.progress import Progress
from rnnbp.bptt.resolve import Resolved
from rnnbp.bptt.sums import Sums
from rnnbp.inputs.states import FinalDeltas, States
from rnnbp.ledger import Ledger
from rnnbp.memory_pool import Reuse
from rnnbp.numerics import Nest
from rnnbp.planning.live_states import LiveStates
from rnnbp.planning.predicted_ledger import FIXED
from rnnbp.planning.tables import reversing
from rnnbp.schedules.stretches import Step, Stretch
from rnnbp.storage import PathLike


class Scheduled:
    """What has been computed so far of a run: up to its first Backward, and from there on.

    Args:
        resolved: the problem in its chunks, with the bytes and the expectations of its schedule.
        chunks: runs the chunks of that problem; values that are the same at all steps are there.
        sums: takes the gradients of that problem.
        ledger: counts what is held.
        memory: of what the run takes.
        folder: of checkpoints on disk.
        bar: shows the steps that have been run; None for no bar.
    """

    def __init__(
        self,
        resolved: Resolved,
        chunks: Chunks,
        sums: Sums,
        ledger: Ledger,
        *,
        memory: Reuse,
        folder: PathLike | None = None,
        bar: Progress | None = None,
    ) -> None:
        self.problem, self.sizes, self.memory = resolved.problem, resolved.sizes, memory
        self.chunks, self.bar, self.ledger = chunks, bar, ledger
        self.uses_disk = resolved.uses_disk
        self.fused = FusedAdvances()
        self.tables: dict[int, int] = {}
        """By length, the bytes of tables that a Backward of a chunk has made for its tasks."""
        self._sums, self._state = sums, self.problem.state
        self.final: States = ()
        self._always: Nest = ()
        """What is the same at all steps."""
        self._hold_from_the_start()
        self.held = Holdings(ledger, folder)
        self.counter, self.live = Counter(), LiveStates()
        self._live, self._slot, self._deltas = 0, self.sizes.slot, self.sizes.deltas
        self._given = 0
        """Bytes of the deltas of the final state that were given, until they have been used."""
        memory.begin(ledger)

    def _hold_from_the_start(self) -> None:
        """Count what is the same at all steps, which is computed before gradients are allocated."""
        if self.chunks.fixed.any:
            fixed = self.sizes.fixed
            self._always = self.chunks.fixed.arrays()
            self.ledger.hold(FIXED, self._always)
            self.ledger.count("workspace", fixed.forward + self.sizes.slot)
            self.ledger.count("workspace", -fixed.forward - self.sizes.slot)
        self.ledger.hold("gradients", self._sums.arrays())

    def close(self) -> None:
        """Remove what is on disk, whatever state the run is in."""
        self.held.slots.close()

    def _begin(self) -> None:
        """Take what stays for the whole run, and read the weights."""
        self.ledger.count("program", self.sizes.program(self.problem.chunk))
        self.ledger.count("state", -self.problem.lent)
        self._count_live_states()
        self.chunks.runners.prepare(self.problem.chunk)

    def _forward(self, actions: Iterator[Step]) -> Backward:
        """Run the actions up to the first Backward, which is returned."""
        for action in actions:
            if isinstance(action, Backward):
                return action
            self._state = self._run(action, self._state)
            self._count_live_states()
            self.counter.count(action, self.held, self.problem)
        raise AssertionError("simulate lets no schedule pass that ends without a Backward")

    def _backward(self, actions: Iterable[Step], dstate: FinalDeltas) -> None:
        """Run the actions from the first Backward on, from deltas of the final state."""
        if dstate:
            self._given = self._sums.begin(dstate)
            self.ledger.count("state", self._given)
        state, self._state = self._state, ()
        for action in actions:
            state = self._run(action, state)
            self._count_live_states()
            self.counter.count(action, self.held, self.problem)
        self.chunks.runners.finish(self._sums.grads)

    def _end(self) -> None:
        """Close the sums, and count no more what ends with the run."""
        self._close()
        self.ledger.count("state", self.problem.lent - self._live)  # they are the result's
        self.ledger.count("program", -sum(self.tables.values()))
        self.ledger.count("program", -self.sizes.program(self.problem.chunk))

    def _run(self, action: Step, state: States) -> States:
        """Run an action, or a stretch of them; returns the present state after it."""
        assert not isinstance(action, Stretch)
        return self._do(action, state)

    def _do(self, action: Action, state: States) -> States:
        """Run one action; returns the present state after it."""
        n = action.n  # in a pattern its name would stay in Python's cache of methods
        match action:
            case Backward():
                self._reverse(n)
            case Record():
                with self._reserved(self.sizes.record, n):
                    self.held.hold(n, self.chunks.record(n, state))
                return self._ran(n, self.held.tapes[n].leaving())
            case Advance() if n in self.fused.states or n in self.fused.groups:
                return self._ran(n, self._fused_state(n, state))
            case Advance():
                with self._reserved(self.sizes.advance, n):
                    return self._ran(n, self.chunks.advance(n, state))
            case Keep():
                with self._reserved(self.sizes.keep, n):
                    self.held.hold_thin(n, self.chunks.keep(n, state))
                return self._ran(n, self.held.thin[n].leaving())
            case Rebuild():
                with self._reserved(self.sizes.rebuild, n):
                    self.held.hold(n, self.chunks.rebuild(n, self.held.take_thin(n)))
            case Store():
                self.held.slots.store(n, state, action.tier)
            case Load():
                self.live.loaded(n if self.held.slots.tiers.get(n) == "ram" else None)
                return self.held.entering(n)
            case Drop():
                self.held.slots.drop(n)
        return state

    def _report(self, n: int) -> None:
        if self.bar is not None:
            self.bar(self.problem.length(n), self.ledger)

    def _count_live_states(self) -> None:
        nbytes = self.live.nbytes(self.held.slots.tiers, self._slot, self._deltas)
        if nbytes != self._live:
            self.ledger.count("state", nbytes - self._live)
            self._live = nbytes

    def _advance_group(self, n: int, state: States) -> None:
        """Run a group of chunks from n on, and hold the states that are stored after them."""
        with self._reserved(self.sizes.advance, n):
            states = self.chunks.advance_all(n, self.fused.groups.pop(n), state)
            self.fused.states = dict(enumerate(states, n))
            self.ledger.hold("checkpoint", states[:-1])

    def _fused_state(self, n: int, state: States) -> States:
        """The state after chunk n, of a group that has run or is run now."""
        if n not in self.fused.states:
            self._advance_group(n, state)
        after = self.fused.states.pop(n)
        if self.fused.states:  # the last of them is a state like any other
            self.ledger.release(after)
        return after

    def _reserved(self, needs: Callable[[int], int], n: int) -> AbstractContextManager[None]:
        """The workspace of an action on chunk n, in the ledger while it runs."""
        return self.ledger.reserve("workspace", needs(self.problem.length(n)))

    def _ran(self, n: int, state: States) -> States:
        """Chunk n has run forward and ends in ``state``, which is returned."""
        self.counter.steps += self.problem.length(n)
        last = not self.problem.x.has((n + 1) * self.problem.chunk)
        self.live.ran(last=last)
        if last:
            self.final = state
        return state

    def _end_part(self) -> None:
        """End a part of the sums, where it is due, before a chunk goes backward.

        So rounding errors do not accumulate over chunks, see ``compensated``.
        """
        sums = self._sums
        if sums.chunks and sums.chunks % sums.part == 0:
            self.chunks.runners.finish(sums.grads)
            unexpected = sums.grads.totals is None  # the number of chunks was not known
            sums.grads.end_part()
            if unexpected:
                self.ledger.hold("gradients", sums.grads.totals)
        sums.chunks += 1

    def _close(self) -> None:
        """The gradients are those of all chunks, and of what runs once a run."""
        if (totals := self._sums.grads.totals) is not None:
            self.ledger.release(totals)
        if self.chunks.fixed.any:
            with self.ledger.reserve("workspace", self.sizes.fixed.backward):
                self._sums.end()
        else:
            self._sums.end()

    def _reverse(self, n: int) -> None:
        """Run chunk n backward."""
        sums, length, whole = self._sums, self.problem.length(n), self.problem.chunk
        first, tabled = self.live.no_deltas, length in self.tables
        given = self._given > 0
        how = self.sizes, length, whole
        need, tables = reversing(*how, first=first, given=given, tabled=tabled)
        with self.ledger.reserve("workspace", need, self.sizes.brief(length)):
            self._end_part()
            tape = self.held.tapes.pop(n)
            arrays = tape.arrays()
            into = sums.into(n) if sums.placed else {}
            args = n, tape, sums.losses, sums.dstates, sums.grads, into
            value, deltas = self.chunks.backward(*args)
            self.ledger.release(arrays)
            del arrays, tape, args
            self.live.reversed(cut=sums.add(n, value, deltas, into))
            del deltas
        if self._given:
            self.ledger.count("state", -self._given)
            self._given = 0
        if not tabled:
            self.tables[length] = tables
            self.ledger.count("program", tables)
            self.memory.later = max(0, self.memory.later - tables)
