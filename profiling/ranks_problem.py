"""Models that several processes train: by hand, as the help of ``rnnbp.parallel`` does it, and by ``Trainer``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from ranks import Clocked, Turns
from training_steps import CLIP, RATE, built, windows

import rnnbp as rb

STEPS, BATCH, INPUTS, UNITS, CLASSES = 1000, 32, 64, 256, 10
"""Of the LSTM, which has a class for each step as its target; the character model has batches of 32 too."""


class Problem(NamedTuple):
    """A model, a source of its batches, and a loss."""

    model: rb.Sequential
    data: Any
    loss: Any

    def batch(self, step: int) -> Any:
        """The batch of a step; all are whole."""
        whole = max(1, self.data.batches_per_epoch - 1)
        return self.data.batch(step // whole, step % whole)


def character() -> Problem:
    """The default character model of ``rnnbp train``."""
    return Problem(built(), windows(), rb.losses.CrossEntropy())


def lstm() -> Problem:
    """An LSTM-256 at T = 1000."""
    rng = np.random.default_rng(0)
    model = rb.Sequential(rb.LSTM(INPUTS, UNITS, rng=rng), rb.Dense(UNITS, CLASSES, rng=rng))
    x = rng.normal(size=(4 * BATCH, STEPS, INPUTS)).astype("float32")
    target = rng.integers(0, CLASSES, x.shape[:2])
    return Problem(model, rb.Sequences(x, target, batch_size=BATCH), rb.losses.CrossEntropy())


def small() -> Problem:
    """For a try: seconds in all scripts."""
    rng = np.random.default_rng(0)
    model = rb.Sequential(rb.LSTM(3, 8, rng=rng), rb.Dense(8, CLASSES, rng=rng))
    x = rng.normal(size=(4 * BATCH, 20, 3)).astype("float32")
    data = rb.Sequences(x, rng.integers(0, CLASSES, x.shape[:2]), batch_size=BATCH)
    return Problem(model, data, rb.losses.CrossEntropy())


PROBLEMS = {"character": character, "LSTM": lstm, "small": small}
USUAL = "character", "LSTM"


class ByHand:
    """Training by hand: the shards of this process, a sum, clipping, Adam."""

    def __init__(self, problem: Problem, parallel: rb.parallel.Exchange) -> None:
        self.problem, self.parallel, self.taken = problem, parallel, 0
        self.rows = np.array_split(np.arange(BATCH), parallel.shards)
        self.states: dict[int, Any] = {}
        self.optimizer = rb.optim.Adam(problem.model, RATE)

    def step(self) -> None:
        """One update."""
        parallel, batch = self.parallel, self.problem.batch(self.taken)
        total = rb.parallel.tree_sums((self._part(batch, k) for k in parallel.own), parallel)
        total.pop("loss")
        for gradient in total.values():
            gradient /= parallel.shards
        rb.optim.clip_norm(total, CLIP)
        self.optimizer.step(total)
        self.taken += 1

    def _part(self, batch: Any, shard: int) -> dict[str, Any]:
        own = np.s_[:, self.rows[shard]]
        x, target = batch.x[own], batch.target[own]
        state = None if batch.fresh else self.states.get(shard)
        run = rb.bptt(self.problem.model, x, target, self.problem.loss, state=state)
        self.states[shard] = run.state
        return {"loss": run.loss, **run.grads}


def by_hand(*, problem: str, shards: int, folder: str) -> None:
    """Training by hand."""
    parallel = Clocked(shards=shards)
    training = ByHand(PROBLEMS[problem](), parallel)
    turns = Turns(folder, parallel.rank, parallel.clock)
    while turns.more():
        training.step()


def by_fit(*, problem: str, shards: int | None, folder: str, partition: bool = False) -> None:
    """Training as a person would; with no number of shards, whole batches without ``parallel``."""
    given = PROBLEMS[problem]()
    parallel = None if shards is None else Clocked(shards=shards, partition=partition)
    turns = Turns(folder, parallel.rank, parallel.clock) if parallel else Turns(folder, 0)

    def note(event: rb.train.Event) -> None:
        if event.kind == "step" and not turns.more():
            event.trainer.stop()

    trainer_of(given, parallel, note).fit(given.data, epochs=10**6)


def trainer_of(
    problem: Problem,
    parallel: rb.parallel.Exchange | None,
    *callbacks: Callable[[rb.train.Event], None],
) -> rb.Trainer:
    """A Trainer with Adam and clipping."""
    return rb.Trainer(
        problem.model, "adam", problem.loss, learning_rate=rb.optim.Constant(RATE), clip_norm=CLIP,
        callbacks=callbacks, progress=False, parallel=parallel,
    )  # fmt: skip
