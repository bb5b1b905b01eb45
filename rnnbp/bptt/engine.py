"""The engine: runs a schedule over a model, chunk by chunk. The only owner of tapes and slots."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from rnnbp.actions import Action, Advance, Backward, Drop, Load, Record, Store
from rnnbp.bptt.chunks import Chunks, ChunkTape, DeltaStates
from rnnbp.bptt.objective import LossLike, Objective
from rnnbp.bptt.problem import Problem, pose
from rnnbp.bptt.results import Accumulators, Gradients, States, Stats
from rnnbp.ledger import Ledger
from rnnbp.numerics import Array, positive_int
from rnnbp.recurrent import Recurrent
from rnnbp.rng import check_seed
from rnnbp.schedules import ScheduleLike, resolve
from rnnbp.simulation import simulate


def bptt(
    model: Any,
    x: Any,
    target: Any,
    loss: LossLike,
    *,
    checkpoint: ScheduleLike = "all",
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
        checkpoint: "all", "sqrt", a schedule, or a function of the number of chunks that gives one.
            Gradients are the same bits whatever it is.
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
        chunk = positive_int("horizon", horizon) if chunk is None else positive_int("chunk", chunk)
        if horizon % chunk:
            raise ValueError(f"horizon {horizon} is not a multiple of chunk {chunk}; choose a chunk that divides it")
    problem = pose(model, x, chunk=chunk, state=state, backend=backend)
    objective = Objective(problem, loss, target, mask)
    schedule = resolve(checkpoint, problem.chunks)
    simulate(schedule, problem.chunks)
    ledger = Ledger([problem.x, *problem.model.params.values()])
    chunks = Chunks(problem, seed=check_seed(seed), training=training, ledger=ledger)
    return _Run(problem, chunks, objective, horizon, ledger).execute(schedule)


class _Run:
    """One run of a schedule: the tapes, the slots, and what has been computed so far."""

    def __init__(
        self, problem: Problem, chunks: Chunks, objective: Objective, horizon: int | None, ledger: Ledger
    ) -> None:
        self.problem, self.chunks, self.objective, self.horizon = problem, chunks, objective, horizon
        self.tapes: dict[int, ChunkTape] = {}
        self.slots: dict[int, States] = {}
        self.dstates: DeltaStates = {
            node.number: (None,) * len(arrays) for node, arrays in zip(chunks.recurrent, problem.state, strict=True)
        }
        self.grads = Accumulators(problem.model)
        self.dx = np.zeros(problem.x.shape, problem.dtype) if problem.x.dtype.kind in "fc" else None
        self.loss: Any = 0.0
        self.final: States = ()
        self.ledger = ledger
        ledger.hold("gradients", (self.grads.grads, self.dx if self.dx is not None else ()))
        self.counts: Counter[str] = Counter()
        self.peak_slots = self.peak_tapes = self.steps = 0

    def execute(self, schedule: Iterable[Action]) -> Gradients:
        state = self.problem.state
        for action in schedule:
            match action:
                case Advance(n):
                    state = self._ran(n, self.chunks.advance(n, state))
                case Record(n):
                    state, self.tapes[n] = self.chunks.record(n, state)
                    self.ledger.hold("tape", self.tapes[n].arrays())
                    self._ran(n, state)
                case Store(n):
                    self.slots[n] = state
                    self.ledger.hold("checkpoint", state)
                case Load(n):
                    state = self.slots[n]
                case Drop(n):
                    self.ledger.release(self.slots.pop(n))
                case Backward(n):
                    self._backward(n)
            self._count(action)
        return self._result()

    def _ran(self, n: int, state: States) -> States:
        span = self.problem.span(n)
        self.steps += span.stop - span.start
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

    def _count(self, action: Action) -> None:
        self.counts[type(action).__name__] += 1
        self.peak_slots = max(self.peak_slots, len(self.slots))
        self.peak_tapes = max(self.peak_tapes, len(self.tapes))

    def _result(self) -> Gradients:
        dstate: list[tuple[Array, ...]] = []
        for node, arrays, given in zip(self.chunks.recurrent, self.problem.state, self.problem.given, strict=True):
            found = zip(self.dstates[node.number], arrays, strict=True)
            dstate.append(tuple(np.zeros(a.shape, a.dtype) if d is None else d for d, a in found))
            if not given and isinstance(node.block, Recurrent):
                initial = node.block.initial
                self.grads.add(initial, {key: d.sum(axis=0) for key, d in zip(initial, dstate[-1], strict=False)})
        stats = Stats(
            chunks=self.problem.chunks,
            peak_slots=self.peak_slots,
            peak_tapes=self.peak_tapes,
            steps_run=self.steps,
            steps_rerun=self.steps - self.problem.steps,
            counts=dict(self.counts),
            peak_bytes=self.ledger.peak_bytes,
            peak_bytes_by_kind=self.ledger.peak_by_kind,
        )
        return Gradients(self.loss, self.grads.grads, self.dx, tuple(dstate), self.final, stats)
