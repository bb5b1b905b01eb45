"""Trainings of a few steps, each of another kind, for any processes that share shards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

import rnnbp as rb
from rnnbp.numerics import Array
from rnnbp.parallel import Exchange

Trained: TypeAlias = Callable[..., rb.Trainer]
"""Of an exchange, the number of steps, and options of the Trainer."""
SHARDS = 6
STEPS = 4


def everything(trainer: rb.Trainer) -> dict[str, Array]:
    """Parameters, the optimiser's state, and all series of the history."""
    past = trainer.history
    found = {f"model {name}": p.copy() for name, p in trainer.model.params.items()}
    found |= {f"optimizer {name}": a for name, a in trainer.optimizer.state_dict().items()}
    found |= {"losses": np.array(past.losses), "validation": np.array(past.validation_losses)}
    return found | {f"metric {name}": np.array(v) for name, v in past.metrics.items()}


def ragged(dtype: str = "float32", seed: int = 0, count: int = 26) -> rb.Sequences:
    """Sequences of several lengths with targets of each step, more than a batch."""
    rng = np.random.default_rng(seed)
    x = [rng.normal(size=(n, 3)).astype(dtype) for n in rng.integers(2, 12, count)]
    return rb.Sequences(x, [one.cumsum(axis=0) for one in x], batch_size=15, seed=seed)


def network(dtype: str = "float32", dropout: float = 0.3) -> rb.Sequential:
    cell = rb.LSTM(3, 6, dropout=dropout, rng=0, dtype=dtype)
    return rb.Sequential(cell, rb.Dropout(0.2 * bool(dropout)), rb.Dense(6, 3, rng=1, dtype=dtype))


def of_sequences(dtype: str, optimizer: str = "adam", **more: Any) -> Trained:
    """Ragged batches, dropout, clipping, validation, metrics."""

    def trained(parallel: Exchange | None, steps: int = STEPS, **options: Any) -> rb.Trainer:
        given: dict[str, Any] = {
            "clip_norm": 0.5,
            "validation": ragged(dtype, 1, 14),
            "validate_every": 2,
        }
        given |= {"metrics": ("mae", "mse"), **more, **options}
        loss = rb.losses.MeanSquaredError()
        model = network(dtype, given.pop("dropout", 0.3))
        trainer = rb.Trainer(model, optimizer, loss, parallel=parallel, seed=2, **given)
        return fitted(trainer, ragged(dtype), steps)

    return trained


def fitted(trainer: rb.Trainer, data: Any, steps: int) -> rb.Trainer:
    folder = trainer.folder.path
    if folder is not None and Path(folder).exists():
        trainer.resume(missing_ok=True)
    trainer.fit(data, steps=steps)
    return trainer


def of_windows(parallel: Exchange | None, steps: int = STEPS, **options: Any) -> rb.Trainer:
    """Recordings of symbols in a row of lanes, which begin anew at flags; a warm-up; AdamW."""
    rng = np.random.default_rng(3)
    takes = [rng.integers(0, 7, n) for n in (190, 90, 140)]
    data = rb.Windows(takes, takes, horizon=13, batch_size=9, join=True, warm_up=2)
    layers = rb.Embedding(7, 4, rng=0), rb.GRU(4, 5, dropout=0.1, rng=1), rb.Dense(5, 7, rng=2)
    model = rb.Sequential(*layers)
    optimizer, loss = rb.optim.AdamW(model, 0.02), rb.losses.CrossEntropy()
    return fitted(rb.Trainer(model, optimizer, loss, parallel=parallel, **options), data, steps)


def of_two_outputs(parallel: Exchange | None, steps: int = STEPS, **options: Any) -> rb.Trainer:
    """A static input, an output of each step and one of each sequence, whose weights differ."""
    rng = np.random.default_rng(4)
    x, site = rng.normal(size=(20, 9, 2)).astype("float32"), rng.normal(size=(20, 3))
    inputs = [rb.Input(2, "x"), rb.Input(3, "site", per="sequence")]
    h = rb.GRU(5, 4, rng=0)(rb.Concat(2, 3)(*inputs))
    outputs = {"y": rb.Dense(4, 2, rng=1)(h), "kind": rb.Dense(4, 3, rng=2)(rb.Last()(h))}
    model = rb.Graph(inputs, outputs)
    mask: Any = {"y": rng.random((20, 9)) < 0.7, "kind": (np.arange(20) % 3 > 0).astype("float32")}
    targets: Any = {"y": x * 2, "kind": rng.integers(0, 3, 20)}
    arrays: Any = {"x": x, "site": site.astype("float32")}
    data = rb.Sequences(arrays, targets, mask=mask, batch_size=8, static=["site"])
    losses: Any = {"y": (0.5, rb.losses.MeanSquaredError()), "kind": rb.losses.CrossEntropy()}
    optimizer = rb.optim.RMSProp(model, 0.01)
    return fitted(rb.Trainer(model, optimizer, losses, parallel=parallel, **options), data, steps)


def of_loader(parallel: Exchange | None, steps: int = STEPS, **options: Any) -> rb.Trainer:
    """A list of batches (x, target, lengths), some with fewer rows than shards; a function loss."""
    rng = np.random.default_rng(5)
    batches = []
    for rows in (9, 4, 7):
        x = rng.normal(size=(8, rows, 3)).astype("float32")
        batches.append((x, np.tanh(x.cumsum(axis=0)), rng.integers(1, 9, rows)))
    model, loss = network(dropout=0.0), rb.losses.PerStep(squared)
    optimizer = rb.optim.SGD(model, 0.05, momentum=0.9)
    return fitted(rb.Trainer(model, optimizer, loss, parallel=parallel, **options), batches, steps)


def squared(y: Array, target: Array) -> tuple[Array, Array]:
    """The squared errors of some steps, and their derivatives."""
    error = y - target
    return error**2, 2 * error


ALWAYS = ("ragged", "windows", "two outputs")
"""Those that are tried in every run of the tests."""
KINDS: dict[str, Trained] = {
    "ragged": of_sequences("float32"),
    "float64": of_sequences("float64", "adagrad"),
    "accumulated": of_sequences("float32", accumulate=2),
    "budget": of_sequences("float32", checkpoint="400 KB", dropout=0.0),
    "windows": of_windows,
    "two outputs": of_two_outputs,
    "two outputs accumulated": lambda p, steps=STEPS, **o: of_two_outputs(p, steps, accumulate=2),
    "loader": of_loader,
}
