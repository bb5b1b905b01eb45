"""The engine: runs a schedule over a model, chunk by chunk. The only owner of tapes and slots."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, closing
from typing import Any

import numpy as np

from rnnbp.actions import Action, Advance, Backward, Drop, Keep, Load, Rebuild, Record, Store
from rnnbp.bptt.chunks import Chunks, ChunkTape, DeltaStates, ThinTape
from rnnbp.bptt.counter import Counter
from rnnbp.bptt.objective import LossLike, Objective
from rnnbp.bptt.planner import Plan, settle
from rnnbp.bptt.problem import Problem, pose
from rnnbp.bptt.results import Accumulators, Gradients, States
from rnnbp.bptt.slots import Slots
from rnnbp.ledger import Ledger
from rnnbp.numerics import Array, positive_int
from rnnbp.recurrent import Recurrent
from rnnbp.rng import check_seed
from rnnbp.schedules import ScheduleLike, resolve
from rnnbp.simulation import ScheduleError, simulate


def bptt(
    model: Any,
    x: Any,
    target: Any,
    loss: LossLike,
    *,
    checkpoint: ScheduleLike | Plan = "all",
    chunk: int | None = None,
    state: Any = None,
    mask: Any = None,
    seed: int = 0,
    backend: str | None = None,
    horizon: int | None = None,
    training: bool = True,
) -> Gradients:
    """Loss and gradients of a sequence, by backpropagation through time (Werbos 1990) within a schedule.

    Args:
        model: a Sequential, Graph, Recurrent or layer of one input and one output.
        x: (T, B, features) floats, or (T, B) integers for an Embedding. Never written to; may be
            read-only, strided or memory-mapped.
        target: (T, B, ...), or None, as the loss takes it.
        loss: one of ``rnnbp.losses``, a mean over all unmasked elements of the sequence; or a function
            ``(y, target) -> (value, dy)``, called once per chunk, whose values are summed.
        checkpoint: "all", "sqrt", a schedule, a function of the number of chunks that gives one, a budget
            of bytes as "64 MB", or a Plan. Gradients are the same bits under every schedule that only replays.
        chunk: steps in a chunk, by default 32.
        state: initial state; for each Recurrent a tuple of arrays (B, ...), or None for its own.
        mask: (T, B), bool or weights ≥ 0 of the steps in the loss.
        seed: of dropout masks.
        backend: "interpreter", or None to choose.
        horizon: truncated BPTT (Williams & Peng 1990): gradients do not flow across multiples of this
            many steps; a multiple of ``chunk``, which it is by default.
        training: False runs layers in evaluation mode: no dropout.

    Raises ShapeError, DtypeError, ValueError or TypeError for arguments that do not fit, ScheduleError for
    a schedule that cannot be run, before any arithmetic.
    """
    if horizon is not None:
        horizon = positive_int("horizon", horizon)
        chunk = horizon if chunk is None else positive_int("chunk", chunk)
        if horizon % chunk:
            raise ValueError(f"horizon {horizon} is not a multiple of chunk {chunk}; choose a chunk that divides it")
    problem = pose(model, x, chunk=chunk, state=state, backend=backend)
    objective = Objective(problem, loss, target, mask)
    problem, checkpoint = settle(problem, objective.spare, checkpoint, chunk)
    objective.problem = problem
    schedule = resolve(checkpoint, problem.chunks)
    foreseen = simulate(schedule, problem.chunks)
    chunks = Chunks(problem, seed=check_seed(seed), training=training)
    result = Run(problem, chunks, objective, horizon).execute(schedule)
    if result.stats.counts != foreseen.counts:
        raise ScheduleError(
            f"the schedule gave {foreseen.counts} when it was checked, {result.stats.counts} when it ran; "
            f"make it the same each time it is iterated"
        )
    return result


class Run:
    """One run of a schedule: the tapes, the slots, and what has been computed so far."""

    def __init__(self, problem: Problem, chunks: Chunks, objective: Objective, horizon: int | None) -> None:
        self.problem, self.chunks, self.objective, self.horizon = problem, chunks, objective, horizon
        self.sizes = problem.sizes(objective.spare)
        self.tapes: dict[int, ChunkTape] = {}
        self.thin: dict[int, ThinTape] = {}
        recurrent = zip(chunks.parts.recurrent, problem.state, strict=True)
        self.dstates: DeltaStates = {node.number: (None,) * len(arrays) for node, arrays in recurrent}
        self.grads = Accumulators(problem.model)
        self.dx = np.zeros(problem.x.shape, problem.dtype) if problem.x.dtype.kind in "fc" else None
        self.loss: Any = 0.0
        self.final: States = ()
        self.ledger = Ledger([problem.x, *problem.model.params.values()])
        self.slots = Slots(self.ledger)
        self.ledger.hold("gradients", (self.grads.grads, () if self.dx is None else self.dx))
        self.counter = Counter()

    def execute(self, schedule: Iterable[Action]) -> Gradients:
        """Run all actions."""
        state = self.problem.state
        with self.ledger.reserve("state", self.sizes.standing), closing(self.slots):
            for action in schedule:
                state = self._do(action, state)
                self.counter.count(action, self)
        return self._result()

    def _do(self, action: Action, state: States) -> States:
        """Run one action; gives the present state after it."""
        match action:
            case Advance(n):
                with self._reserved(self.sizes.advance, n):
                    return self._ran(n, self.chunks.advance(n, state))
            case Keep(n):
                with self._reserved(self.sizes.keep, n):
                    self.thin[n] = self.chunks.keep(n, state)
                    self.ledger.hold("thin tape", self.thin[n].arrays())
                return self._ran(n, self.thin[n].leaving())
            case Record(n):
                with self._reserved(self.sizes.record, n):
                    self._hold(n, self.chunks.record(n, state))
                return self._ran(n, self.tapes[n].leaving())
            case Rebuild(n):
                with self._reserved(self.sizes.rebuild, n):
                    thin = self.thin.pop(n)
                    self.ledger.release(thin.arrays())
                    self._hold(n, self.chunks.rebuild(n, thin))
            case Store(n, tier):
                self.slots.store(n, state, tier)
            case Load(n):
                return self._load(n)
            case Drop(n):
                self.slots.drop(n)
            case Backward(n):
                with self._reserved(self.sizes.backward, n):
                    self._backward(n)
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
        if self.reads_slot(n):
            return self.slots.load(n)
        for tapes in (self.tapes, self.thin):
            if n in tapes:
                return tapes[n].entering()
            if n - 1 in tapes:
                return tapes[n - 1].leaving()
        raise AssertionError(f"simulate lets Load({n}) pass, but nothing holds that state")

    def _ran(self, n: int, state: States) -> States:
        self.counter.steps += self.length(n)
        if n == self.problem.chunks - 1:
            self.final = state
        return state

    def _backward(self, n: int) -> None:
        tape = self.tapes.pop(n)
        held = tape.arrays()
        value, dx = self.chunks.backward(n, tape, self.objective, self.dstates, self.grads)
        self.ledger.release(held)
        self.loss += value
        if self.dx is not None and dx is not None:
            self.dx[self.problem.span(n)] = dx
        if self.horizon and n and n * self.problem.chunk % self.horizon == 0:
            self.dstates = {number: (None,) * len(deltas) for number, deltas in self.dstates.items()}

    def _result(self) -> Gradients:
        dstate: list[tuple[Array, ...]] = []
        recurrent = zip(self.chunks.parts.recurrent, self.problem.state, self.problem.given, strict=True)
        for node, arrays, given in recurrent:
            found = zip(self.dstates[node.number], arrays, strict=True)
            dstate.append(tuple(np.zeros(a.shape, a.dtype) if d is None else d.copy() for d, a in found))
            if not given and isinstance(node.block, Recurrent):
                initial = node.block.initial
                self.grads.add(initial, {key: d.sum(axis=0) for key, d in zip(initial, dstate[-1], strict=False)})
        stats = self.counter.stats(self.problem, self.ledger)
        return Gradients(self.loss, self.grads.grads, self.dx, tuple(dstate), self.final, stats)
