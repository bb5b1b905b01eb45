"""One run of a schedule over a model, chunk by chunk. The only owner of tapes and slots."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, closing
from itertools import chain, pairwise
from typing import Any

import numpy as np

from rnnbp import compensated
from rnnbp.actions import Action, Advance, Backward, Drop, Keep, Load, Rebuild, Record, Store
from rnnbp.bptt.all_steps import keep_outputs, new_outputs
from rnnbp.bptt.chunk import Chunks, ChunkTape, DeltaStates, ThinTape
from rnnbp.bptt.counter import Counter
from rnnbp.bptt.results import Accumulators, Gradients
from rnnbp.bptt.slots import Slots
from rnnbp.bptt.stretches import stretches
from rnnbp.compensated import Total
from rnnbp.graph.recurrent import Recurrent
from rnnbp.inputs.horizon import cuts
from rnnbp.inputs.objective import Objective
from rnnbp.inputs.problem import Problem
from rnnbp.inputs.states import States
from rnnbp.inputs.streams import Held
from rnnbp.ledger import Ledger
from rnnbp.memory_pool import Reuse
from rnnbp.numerics import Array
from rnnbp.planning.forecast import OUTPUTS
from rnnbp.planning.live_states import LiveStates
from rnnbp.planning.run_sizes import sizes_of_run
from rnnbp.planning.tables import reversing
from rnnbp.schedules.read_ahead import readable_ahead
from rnnbp.storage import PathLike


class Run:
    """The tapes, the slots, and what has been computed so far.

    Args:
        dx: whether the gradient by x is kept. memory: of its arrays. horizon: as of ``bptt``.
        folder: of checkpoints on disk.
        done: is called after each action, with the number of its steps and the ledger.
    """

    def __init__(
        self,
        problem: Problem,
        chunks: Chunks,
        objective: Objective,
        *,
        dx: bool,
        memory: Reuse,
        horizon: int | None = None,
        folder: PathLike | None = None,
        done: Callable[[int, Ledger], None] | None = None,
    ) -> None:
        self.problem, self.chunks, self.objective, self.horizon, self.done = problem, chunks, objective, horizon, done
        self.sizes = sizes_of_run(objective, dx=dx, return_y=objective.return_y)
        self.arriving = bool(self.sizes.target_bytes) or not objective.finished
        """Whether targets are looked at, or read, as chunks come."""
        self.tapes: dict[int, ChunkTape] = {}
        self.thin: dict[int, ThinTape] = {}
        self.ahead: dict[int, States] = {}
        """The states after chunks that have been advanced in one go, until their actions come."""
        recurrent = zip(chunks.parts.recurrent, problem.state, strict=True)
        self.dstates: DeltaStates = {node.number: (None,) * len(arrays) for node, arrays in recurrent}
        self.tables: dict[int, int] = {}
        """By length, the bytes of tables that a Backward of a chunk has made for its tasks."""
        self.part = compensated.part(problem.chunk)
        self.grads = Accumulators(problem.model, parted=problem.known and problem.chunks > self.part)
        self.backward = 0
        """Chunks that have added to the gradients."""
        self.dx = memory.new((problem.steps, *problem.x.shape), problem.dtype) if dx and problem.floats else None
        self.y = keep_outputs(objective, memory) if objective.return_y else None
        self.loss = Total()
        self.final: States = ()
        given = [problem.x.array] if isinstance(problem.x, Held) and not problem.x.fresh else []
        self.ledger = Ledger([*given, *self.grads.params])
        self.slots = Slots(self.ledger, folder)
        self.ledger.hold("gradients", (self.grads.whole, self.dx, self.grads.totals, self.y))
        self.counter, self.live = Counter(), LiveStates()
        self._standing, self._slot, self._deltas = 0, self.sizes.slot, self.sizes.deltas
        self.memory = memory
        memory.begin(self.ledger)

    def execute(self, schedule: Iterable[Action]) -> Gradients:
        """Run all actions."""
        state = self.problem.state
        program = self.ledger.reserve("program", self.sizes.program(self.problem.chunk))
        with program, closing(self.slots):
            self.ledger.count("state", -self.problem.lent)
            self._stand()
            self.chunks.prepare()
            if self.sizes.loss_whole:
                self._see_all()
            for (action, wanted), (after, _) in pairwise(chain(self._told(schedule), [(None, ())])):
                assert action is not None
                if isinstance(after, Load):
                    self._read_ahead(action, after)
                if self.arriving and isinstance(action, Advance | Keep | Record):
                    self._prepare(action.n)
                if wanted:
                    self._advance_all(action.n, wanted, state)
                state = self._do(action, state)
                self._stand()
                self.counter.count(action, self)
                if self.done is not None:
                    self.done(0 if isinstance(action, Store | Load | Drop) else self.length(action.n), self.ledger)
            self.chunks.finish(self.grads)
            self._close()
            self.ledger.count("state", self.problem.lent - self._standing)  # they are the result's
            self.ledger.count("program", -sum(self.tables.values()))
        return self._result()

    def _see_all(self) -> None:
        """Make all outputs, and take them to a loss of all steps at once; its dy stays."""
        problem, state, steps = self.problem, self.problem.state, self.problem.steps
        y = new_outputs(problem, self.memory)
        self.ledger.hold(OUTPUTS, y)
        with self.ledger.reserve("state", self.sizes.slot):
            for n in problem.numbers():
                if self.arriving:
                    self._prepare(n)
                with self._reserved(self.sizes.outputs, n):
                    state, y[problem.span(n)] = self.chunks.outputs(n, state)
                self.counter.steps += self.length(n)
                if self.done is not None:
                    self.done(self.length(n), self.ledger)
        self.arriving = False
        with self.ledger.reserve("workspace", self.sizes.whole_loss(steps)):
            dy = self.objective.see_all(y)
        self.ledger.hold(OUTPUTS, dy)
        self.ledger.release(y)

    def _read_ahead(self, action: Action, after: Load) -> None:
        """Begin to read the slot of the next action, where that may be done while this one runs."""
        ahead = readable_ahead(action, after, self.slots.on_disk, (self.tapes, self.thin))
        if ahead is not None:
            self.slots.read_ahead(ahead)

    def _stand(self) -> None:
        """Count the states that are held now."""
        nbytes = self.live.nbytes(self.slots.tiers, self._slot, self._deltas)
        if nbytes != self._standing:
            self.ledger.count("state", nbytes - self._standing)
            self._standing = nbytes

    def _told(self, schedule: Iterable[Action]) -> Iterable[tuple[Action | None, tuple[bool, ...]]]:
        """The actions, with what ``stretches`` says of them where that helps."""
        alone = self.arriving or not self.chunks.in_one_go
        return ((action, ()) for action in schedule) if alone else stretches(schedule)

    def _advance_all(self, n: int, wanted: tuple[bool, ...], state: States) -> None:
        """Run a stretch of chunks from n on, and wait with the states that they end in."""
        with self._reserved(self.sizes.advance, n):
            self.ahead = dict(enumerate(self.chunks.advance_all(n, wanted, state), n))
            self.ledger.hold("checkpoint", list(self.ahead.values())[:-1])

    def _waiting(self, n: int) -> States:
        state = self.ahead.pop(n)
        if self.ahead:  # the last of them is a state like any other
            self.ledger.release(state)
        return state

    def _prepare(self, n: int) -> None:
        """Look at the targets of a chunk that comes for the first time, if they are a stream's."""
        with self.ledger.reserve("workspace", self.sizes.arriving(self.length(n))):
            last = self.objective.prepare(n)
        if last:
            with self.ledger.reserve("workspace", self.objective.finish_bytes()):
                self.objective.finish()

    def _do(self, action: Action, state: States) -> States:
        """Run one action; gives the present state after it."""
        n = action.n  # Backward() compares no attributes, whose names Python's cache of methods would keep
        match action:
            case Backward():
                self._backward(n)
            case Record():
                with self._reserved(self.sizes.record, n):
                    self._hold(n, self.chunks.record(n, state))
                return self._ran(n, self.tapes[n].leaving())
            case Advance() if n in self.ahead:
                return self._ran(n, self._waiting(n))
            case Advance():
                with self._reserved(self.sizes.advance, n):
                    return self._ran(n, self.chunks.advance(n, state))
            case Keep():
                with self._reserved(self.sizes.keep, n):
                    self.thin[n] = self.chunks.keep(n, state)
                    self.ledger.hold("thin tape", self.thin[n].arrays())
                return self._ran(n, self.thin[n].leaving())
            case Rebuild():
                with self._reserved(self.sizes.rebuild, n):
                    thin = self.thin.pop(n)
                    self.ledger.release(thin.arrays())
                    self._hold(n, self.chunks.rebuild(n, thin))
            case Store():
                self.slots.store(n, state, action.tier)
            case Load():
                return self._load(n)
            case Drop():
                self.slots.drop(n)
        return state

    def _reserved(self, needs: Callable[[int], int], n: int) -> AbstractContextManager[None]:
        """The workspace of an action on chunk n, in the ledger while it runs."""
        return self.ledger.reserve("workspace", needs(self.length(n)))

    def length(self, n: int) -> int:
        """Steps in chunk n."""
        span = self.problem.span(n)
        return int(span.stop - span.start)

    def _hold(self, n: int, tape: ChunkTape) -> None:
        self.tapes[n] = tape
        self.ledger.hold("tape", tape.arrays())

    def reads_slot(self, n: int) -> bool:
        """Whether Load(n) reads a slot: one in RAM, or one on disk where no tape has that state."""
        tier = self.slots.tiers.get(n)
        taped = any(k in tapes for tapes in (self.tapes, self.thin) for k in (n, n - 1))
        return tier == "ram" or (tier == "disk" and not taped)

    def _load(self, n: int) -> States:
        """The state entering chunk n: from its slot, or from a tape that begins or ends with it."""
        read = self.reads_slot(n)
        self.live.loaded(n if read and self.slots.tiers[n] == "ram" else None)
        if read:
            return self.slots.load(n)
        for tapes in (self.tapes, self.thin):
            if n in tapes:
                return tapes[n].entering()
            if n - 1 in tapes:
                return tapes[n - 1].leaving()
        raise AssertionError(f"simulate lets Load({n}) pass, but nothing holds that state")

    def _ran(self, n: int, state: States) -> States:
        self.counter.steps += self.length(n)
        last = not self.problem.x.has((n + 1) * self.problem.chunk)
        self.live.ran(last=last)
        if last:
            self.final = state
        return state

    def _settle(self) -> None:
        """Keep rounding errors from adding up over many chunks; these go from the last to the first
        in any schedule."""
        if self.backward and self.backward % self.part == 0:
            self.chunks.finish(self.grads)
            if self.grads.totals is None:  # how many there are was not known
                self.grads.settle()
                self.ledger.hold("gradients", self.grads.totals)
            else:
                self.grads.settle()
        self.backward += 1

    def _close(self) -> None:
        """The gradients are those of all chunks."""
        self.ledger.release(() if self.grads.totals is None else self.grads.totals)
        self.grads.close()

    def _backward(self, n: int) -> None:
        length = self.length(n)
        first, tabled = self.live.no_deltas, length in self.tables
        need, tables = reversing(self.sizes, length, self.problem.chunk, first=first, tabled=tabled)
        with self.ledger.reserve("workspace", need, self.sizes.brief(length)):
            self._settle()
            tape = self.tapes.pop(n)
            held = tape.arrays()
            into = None if self.dx is None else self.dx[self.problem.span(n)]
            value, dx = self.chunks.backward(n, tape, self.objective, self.dstates, self.grads, into)
            self.ledger.release(held)
            del held, tape
            self._add(n, value, dx, into)
        if not tabled:
            self.tables[length] = tables
            self.ledger.count("program", tables)
            self.memory.later = max(0, self.memory.later - tables)

    def _add(self, n: int, value: Any, dx: Array | None, into: Array | None) -> None:
        """What a chunk's backward has given: its part of the loss, and of dx."""
        self.loss.add(value)
        if into is not None and into is not dx:
            into[...] = 0 if dx is None else dx
        cut = cuts(self.horizon, n * self.problem.chunk)
        self.live.reversed(cut=cut)
        if cut:
            self.dstates = {number: (None,) * len(deltas) for number, deltas in self.dstates.items()}

    def _result(self) -> Gradients:
        dstate: list[tuple[Array, ...]] = []
        recurrent = zip(self.chunks.parts.recurrent, self.problem.state, self.problem.given, strict=True)
        for node, arrays, given in recurrent:
            found = zip(self.dstates[node.number], arrays, strict=True)
            dstate.append(tuple([np.zeros(a.shape, a.dtype) if d is None else d.copy() for d, a in found]))
            if not given and isinstance(node.block, Recurrent):
                initial = node.block.initial
                self.grads.add(initial, {key: d.sum(axis=0) for key, d in zip(initial, dstate[-1], strict=False)})
        stats = self.counter.stats(self.problem, self.ledger, self.sizes)
        return Gradients(self.loss.value, self.grads.grads, self.dx, tuple(dstate), self.final, stats, y=self.y)
