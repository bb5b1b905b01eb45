"""Small runs that the tests of training share."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import rnnbp as rb
from rnnbp.storage import load_tensors
from rnnbp.train import Examples, Sequences, Trainer, Windows

TEXT = np.random.default_rng(0).integers(0, 5, 131).astype(np.uint8)
X = np.random.default_rng(1).normal(size=(11, 6, 2))


def text_run(**options: Any) -> tuple[Trainer, Windows]:
    """(Trainer, data): windows, a carried state, dropout, Adam, OnPlateau, early stopping."""
    model = rb.Sequential(
        rb.Embedding(5, 3, rng=0), rb.LSTM(3, 4, rng=1), rb.Dropout(0.3), rb.Dense(4, 5, rng=2)
    )
    given: dict[str, Any] = {
        "clip_norm": 0.15,
        "learning_rate": rb.optim.OnPlateau(0.03, factor=0.5, patience=0),
        "validation": Windows.next_symbol(TEXT[::-1][:60], horizon=9, batch_size=2),
        "validate_every": 2,
        "patience": 50,
        "chunk": 3,
        "seed": 7,
    } | options
    trainer = Trainer(model, rb.optim.Adam(model), rb.losses.CrossEntropy(), **given)
    return trainer, Windows.next_symbol(TEXT, horizon=8, batch_size=4)


def sequence_run(**options: Any) -> tuple[Trainer, Sequences]:
    """(Trainer, data): shuffled sequences, a learned state, momentum, a schedule, float64."""
    model = rb.Sequential(
        rb.GRU(2, 3, initial="learned", dtype="float64", rng=1),
        rb.Dense(3, 1, dtype="float64", rng=2),
    )
    optimizer = rb.optim.SGD(model, momentum=0.9, nesterov=True)
    given: dict[str, Any] = {
        "learning_rate": rb.optim.WarmUp(rb.optim.Cosine(0.1, 20), 3),
        "clip_value": 0.1,
    } | options
    trainer = Trainer(model, optimizer, rb.losses.MeanSquaredError(), **given)
    return trainer, Sequences(X, X.sum(axis=(1, 2))[:, None], last=True, batch_size=4, seed=5)


def example_run(**options: Any) -> tuple[Trainer, Examples]:
    """(Trainer, data): a feedforward network, RMSProp."""
    model = rb.Sequential(rb.Dense(2, 3, rng=1), rb.Tanh(), rb.Dense(3, 1, rng=2))
    optimizer = rb.optim.RMSProp(model, learning_rate=0.01, momentum=0.5)
    validation = Examples(X[:, 1], X[:, 2, :1], batch_size=4)
    given: dict[str, Any] = {"validation": validation, "patience": 3} | options
    trainer = Trainer(model, optimizer, rb.losses.Huber(), **given)
    return trainer, Examples(X[:, 0], X[:, 3, :1], batch_size=3, seed=5)


RUNS: dict[str, Callable[..., tuple[Trainer, Any]]] = {
    "text": text_run,
    "sequences": sequence_run,
    "examples": example_run,
}


def lines(folder: Path) -> list[dict[str, Any]]:
    """The metrics but for wall-clock time."""
    found = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for line in found:
        del line["seconds"]
    return found


def outcome(folder: Path) -> dict[str, Any]:
    """All that a run leaves, but for wall-clock times, as what compares equal for equal bits."""
    arrays, found = load_tensors(folder / "snapshot.safetensors")
    metadata: Any = found
    del metadata["snapshot"]["seconds"]
    bits = {name: (a.dtype.str, a.shape, a.tobytes()) for name, a in arrays.items()}
    names = sorted(path.name for path in folder.iterdir())
    return {
        "names": names,
        "snapshot": bits,
        "metadata": metadata,
        "lines": lines(folder),
        "model": (folder / "model.safetensors").read_bytes(),
    }
