"""Sources, models and losses of known gradients, for the tests of the training loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.train import Batch, Event, Trainer
from tests.training import RUNS, outcome

LOSS = rb.losses.CrossEntropy()


def params(trainer: Trainer) -> dict[str, np.ndarray]:
    """Copies of the parameters."""
    return {name: p.copy() for name, p in trainer.model.params.items()}


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    """True if the names and the arrays are equal."""
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


class Scripted:
    """A source whose batches are given."""

    def __init__(self, *batches: Batch) -> None:
        self.batches = batches
        self.batches_per_epoch = len(batches)

    def batch(self, epoch: int, index: int) -> Batch:
        return self.batches[index]


def linear(value: float = 0.0) -> rb.Sequential:
    """y = w x, one weight."""
    return rb.Sequential(
        rb.Dense(
            1, 1, bias=False, weight_init=lambda rng, shape: np.full(shape, value), dtype="float64"
        )
    )


def pulls(*gradients: float) -> Scripted:
    """A source whose batch k has gradient ``gradients[k]`` at any w, with the loss ``slope``."""
    return Scripted(*(Batch(np.full((1, 1, 1), g), None, None, True) for g in gradients))


def slope(y: np.ndarray, target: object) -> tuple[float, np.ndarray]:
    """The loss Σ y, whose derivative is 1."""
    return y.sum(), np.ones_like(y)


def scripted_validation(monkeypatch: pytest.MonkeyPatch, values: Iterable[float]) -> None:
    """Make these the validation losses, in order."""
    left = iter(values)
    monkeypatch.setattr(
        "rnnbp.train.judging.validation_loss", lambda *_args, **_options: next(left)
    )


VALIDATION = pulls(1.0)


def on(
    kind: str, call: Callable[[Event], object], steps: Sequence[int] | None = None
) -> Callable[[Event], None]:
    """A callback that passes on the events of one kind, those of some steps if given."""

    def callback(event: Event) -> None:
        if event.kind == kind and (steps is None or event.metrics["step"] in steps):
            call(event)

    return callback


STEPS = 11


@cache
def whole(name: str) -> dict[str, Any]:
    """The outcome of a run that is never interrupted."""
    with TemporaryDirectory() as folder:
        trainer, data = RUNS[name](folder=Path(folder))
        history = trainer.fit(data, steps=STEPS)
        assert history.steps == STEPS, "the run is as long as the tests think"
        return outcome(Path(folder)) | {"params": params(trainer), "losses": history.losses}
