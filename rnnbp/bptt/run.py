"""One run of a schedule over a model, chunk by chunk. The only owner of tapes and slots."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, closing
from typing import final

from rnnbp.actions import Action, Advance, Backward, Drop, Keep, Load, Rebuild, Record, Store
from rnnbp.bptt.action_stream import preparing, reading_ahead, reporting
from rnnbp.bptt.all_steps import new_outputs
from rnnbp.bptt.chunk import Chunks
from rnnbp.bptt.counter import Counter
from rnnbp.bptt.fused_advances import FusedAdvances
from rnnbp.bptt.holdings import Holdings
from rnnbp.bptt.progress import Progress
from rnnbp.bptt.resolve import Resolved
from rnnbp.bptt.results import Gradients
from rnnbp.bptt.run_sums import RunSums
from rnnbp.inputs.chunk_losses import ChunkLosses
from rnnbp.inputs.states import States
from rnnbp.ledger import Ledger
from rnnbp.planning.live_states import LiveStates
from rnnbp.planning.predicted_ledger import FIXED, OUTPUTS
from rnnbp.planning.tables import reversing
from rnnbp.schedules.sized import table_bytes
from rnnbp.storage import PathLike


@final
class Run:
    """What has been computed so far; ``execute`` is called once.

    Args:
        resolved: the problem in its chunks, with the bytes and the expectations of its schedule.
        chunks: runs the chunks of that problem.
        losses: of that problem; the run takes memory where they do.
        horizon: as of ``bptt``.
        folder: of checkpoints on disk.
        bar: shows the steps that have been run; None for no bar.
    """

    def __init__(
        self,
        resolved: Resolved,
        chunks: Chunks,
        losses: ChunkLosses,
        *,
        horizon: int | None = None,
        folder: PathLike | None = None,
        bar: Progress | None = None,
    ) -> None:
        self.problem, self.sizes, self.memory = resolved.problem, resolved.sizes, losses.memory
        self.chunks, self.losses, self.bar = chunks, losses, bar
        self.uses_disk = resolved.uses_disk
        self.fused = FusedAdvances()
        self.tables: dict[int, int] = {}
        """By length, the bytes of tables that a Backward of a chunk has made for its tasks."""
        chunks.compute_fixed(keep=True)
        self.sums = RunSums(resolved, chunks.parts.recurrent, losses, chunks.fixed, horizon)
        self.final: States = ()
        self.ledger = Ledger([*self.problem.lent_arrays(), *self.sums.grads.params])
        self._hold_from_the_start()
        self.held = Holdings(self.ledger, folder)
        self.counter, self.live = Counter(), LiveStates()
        self._live, self._slot, self._deltas = 0, self.sizes.slot, self.sizes.deltas
        self.memory.begin(self.ledger)

    def _hold_from_the_start(self) -> None:
        """Count what is the same at all steps, which is computed before gradients are allocated."""
        fixed = self.sizes.fixed
        if any(fixed):
            self.ledger.hold(FIXED, self.chunks.fixed.arrays())
            self.ledger.count("workspace", fixed.forward + self.sizes.slot)
            self.ledger.count("workspace", -fixed.forward - self.sizes.slot)
        self.ledger.hold("gradients", self.sums.arrays())

    def execute(self, actions: Iterable[Action]) -> Gradients:
        """Run all actions, and return what they have computed."""
        state = self.problem.state
        program = self.ledger.reserve("program", self.sizes.program(self.problem.chunk))
        with program, closing(self.held.slots):
            self.ledger.count("state", -self.problem.lent)
            self._count_live_states()
            self.chunks.runners.prepare(self.problem.chunk)
            if self.sizes.loss_whole:
                self._see_all()
            for action in self._stream(actions):
                state = self._do(action, state)
                self._count_live_states()
                self.counter.count(action, self.held, self.problem)
            self.chunks.runners.finish(self.sums.grads)
            self._close()
            self.ledger.count("state", self.problem.lent - self._live)  # they are the result's
            self.ledger.count("program", -sum(self.tables.values()))
        stats = self.counter.stats(self.problem, self.ledger, self.sizes, table_bytes(actions))
        return self.sums.result(self.final, stats)

    def _do(self, action: Action, state: States) -> States:
        """Run one action; returns the present state after it."""
        n = action.n  # in a pattern its name would stay in Python's cache of methods
        match action:
            case Backward():
                self._backward(n)
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

    @property
    def _targets_arrive(self) -> bool:
        """True if targets are read, or checked, as chunks come for the first time."""
        return bool(self.sizes.target_bytes) or not self.losses.objective.finished

    def _stream(self, actions: Iterable[Action]) -> Iterable[Action]:
        """The actions, with what is done before or after some of them."""
        arrive = self._targets_arrive and not self.sizes.loss_whole  # which has seen them all
        if not arrive and self.chunks.in_one_go:
            actions = self.fused.find(actions)
        if self.uses_disk:
            actions = reading_ahead(actions, self.held)
        if arrive:
            actions = preparing(actions, self._prepare)
        return actions if self.bar is None else reporting(actions, self._report)

    def _report(self, n: int) -> None:
        if self.bar is not None:
            self.bar(self.problem.length(n), self.ledger)

    def _see_all(self) -> None:
        """Compute the outputs of all steps for a loss that takes them at once; its dy stays."""
        problem, state, arrive = self.problem, self.problem.state, self._targets_arrive
        y = new_outputs(problem, self.memory)
        self.ledger.hold(OUTPUTS, y)
        with self.ledger.reserve("state", self.sizes.slot):
            for n in problem.numbers():
                if arrive:
                    self._prepare(n)
                with self._reserved(self.sizes.outputs, n):
                    state, y[problem.span(n)] = self.chunks.outputs(n, state)
                self.counter.steps += problem.length(n)
                self._report(n)
        with self.ledger.reserve("workspace", self.sizes.whole_loss(problem.steps)):
            dy = self.losses.see_all(y)
        self.ledger.hold(OUTPUTS, dy)
        self.ledger.release(y)

    def _prepare(self, n: int) -> None:
        """Check the targets of a chunk that comes for the first time."""
        with self.ledger.reserve("workspace", self.sizes.arriving(self.problem.length(n))):
            last = self.losses.prepare(n)
        if last:
            objective = self.losses.objective
            with self.ledger.reserve("workspace", objective.finish_bytes()):
                objective.finish()
            if self.chunks.fixed.average():
                self.chunks.runners.renew()  # factors of means are among what they have read

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
        sums = self.sums
        if sums.chunks and sums.chunks % sums.part == 0:
            self.chunks.runners.finish(sums.grads)
            unexpected = sums.grads.totals is None  # the number of chunks was not known
            sums.grads.end_part()
            if unexpected:
                self.ledger.hold("gradients", sums.grads.totals)
        sums.chunks += 1

    def _close(self) -> None:
        """The gradients are those of all chunks, and of what runs once a run."""
        totals = self.sums.grads.totals
        self.ledger.release(() if totals is None else totals)
        with self.ledger.reserve("workspace", self.sizes.fixed.backward):
            self.sums.end()
        if self.sums.weights.terms:
            with self.ledger.reserve("workspace", self.sizes.penalised):
                self.sums.penalise()

    def _backward(self, n: int) -> None:
        sums, length, whole = self.sums, self.problem.length(n), self.problem.chunk
        first, tabled = self.live.no_deltas, length in self.tables
        need, tables = reversing(self.sizes, length, whole, first=first, tabled=tabled)
        with self.ledger.reserve("workspace", need, self.sizes.brief(length)):
            self._end_part()
            tape = self.held.tapes.pop(n)
            arrays = tape.arrays()
            into = sums.into(n) if sums.dxs else {}
            given = n, tape, sums.losses, sums.dstates, sums.grads, into
            value, deltas = self.chunks.backward(*given)
            self.ledger.release(arrays)
            del arrays, tape, given
            self.live.reversed(cut=sums.add(n, value, deltas, into))
            del deltas
        if not tabled:
            self.tables[length] = tables
            self.ledger.count("program", tables)
            self.memory.later = max(0, self.memory.later - tables)
