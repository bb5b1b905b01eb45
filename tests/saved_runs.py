"""Runs that were saved by an earlier version, which every later one must read.

    python -m tests.saved_runs tests/data/saved

makes the files anew; that is to be done for a run that is added, not for those that are there: what
an old version has written is what the test reads. ``version`` in ``expected.json`` says which one
that was.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import rnnbp as rb

SAVED, MORE = 5, 3
"""Steps before the snapshot, and after it."""
TEXT = ((np.arange(131) ** 2 * 7) % 11 % 5).astype(np.uint8)
X = np.sin(np.arange(11 * 6 * 2, dtype=float) * 1.7).reshape(11, 6, 2)
IMAGES = np.cos(np.arange(5 * 4 * 16, dtype=np.float32) * np.float32(0.7)).reshape(5, 4, 1, 4, 4)
LENGTHS = np.array([6, 2, 5, 1, 3, 6, 4, 6, 2, 1, 6])


def text(**options: Any) -> tuple[rb.Trainer, Any]:
    """Windows that carry the state, dropout, Adam with groups, OnPlateau, validation, the best."""
    cells = rb.Embedding(5, 3, rng=0), rb.LSTM(3, 4, initial="learned", name="lstm", rng=1)
    model = rb.Sequential(*cells, rb.Dropout(0.3), rb.LayerNorm(4), rb.Dense(4, 5, rng=2))
    optimizer = rb.optim.Adam(model, 0.03, groups={"*bias*": {"weight_decay": 0.01}})
    validation = rb.Windows.next_symbol(TEXT[::-1][:60], horizon=9, batch_size=2)
    settings: dict[str, Any] = {
        "clip_norm": 0.15,
        "learning_rate": rb.optim.OnPlateau(0.03, factor=0.5, patience=0),
        "validation": validation,
        "validate_every": 2,
        "patience": 50,
        "metrics": ["accuracy"],
        "chunk": 3,
        "seed": 7,
    }
    trainer = rb.Trainer(
        model, optimizer, rb.losses.CrossEntropy(), progress=False, **settings, **options
    )
    return trainer, rb.Windows.next_symbol(TEXT, horizon=8, batch_size=4)


def sequences(**options: Any) -> tuple[rb.Trainer, Any]:
    """Sequences of several lengths, shuffled; float64, momentum, scheduled rates, accumulation."""
    cells = (
        rb.GRU(2, 3, reset_after=False, dtype="float64", rng=1),
        rb.RNN(3, 3, dtype="float64", rng=2),
    )
    model = rb.Sequential(*cells, rb.Dense(3, 1, dtype="float64", rng=3, name="head"))
    optimizer = rb.optim.SGD(model, momentum=0.9, nesterov=True, frozen="head.bias")
    rate = rb.optim.WarmUp(rb.optim.Cosine(0.1, 20), 3)
    settings: dict[str, Any] = {
        "learning_rate": rate,
        "clip_value": 0.1,
        "checkpoint": "sqrt",
        "accumulate": 2,
    }
    trainer = rb.Trainer(
        model, optimizer, rb.losses.Huber(0.5), progress=False, chunk=2, **settings, **options
    )
    targets = X.sum(axis=(1, 2))[:, None]
    return trainer, rb.Sequences(X, targets, lengths=LENGTHS, last=True, batch_size=4, seed=5)


def layers(**options: Any) -> tuple[rb.Trainer, Any]:
    """Every other layer, in a graph around a cell of one's own; RMSProp, iterables of batches."""
    x, image = (
        rb.Input((1, 4, 4)),
        rb.Sequential(rb.Conv2D(1, 2, 2, padding="same", rng=1), rb.MaxPool((2, 2))),
    )
    line = rb.Sequential(
        rb.Reshape((2, 2, 2), (2, 4)), rb.Conv1D(2, 3, 2, stride=2, rng=2), rb.AvgPool(2)
    )
    a, b, c = rb.Split(1, 1, 1)(rb.Flatten(2)(line(image(x))))
    several = rb.Concat(1, 1, 1)(rb.LeakyReLU(0.1)(a), rb.ELU(0.5)(b), rb.GELU()(c))
    u, h = rb.Input(3), rb.State(3, "memory")
    step = rb.Tanh()(rb.Dense((3, 3), 3, rng=3)(u, h)) - rb.Scale(0.5, 0.1)(rb.Softplus()(u))
    cell = rb.Recurrent(
        rb.Cell(u, {h: step}, output=rb.Softmax()(step) * rb.Sigmoid()(h)), initial="learned"
    )
    end = rb.LogSoftmax()(rb.Identity()(rb.ReLU()(cell(several) + several)))
    model = rb.Graph(x, rb.Slice(3, 1, 3)(rb.Dropout(0.2, every_step=False)(end)))
    optimizer, thin = rb.optim.RMSProp(model, 0.01, momentum=0.5), rb.schedules.ThinTapes(k=2)
    settings: dict[str, Any] = {"checkpoint": thin, "chunk": 2}
    trainer = rb.Trainer(
        model, optimizer, rb.losses.MeanSquaredError(), progress=False, **settings, **options
    )
    batches = [(IMAGES[:, k : k + 2], IMAGES[:, k : k + 2, 0, 0, :2]) for k in (0, 2)]
    return trainer, rb.Batches(batches)


def budget(**options: Any) -> tuple[rb.Trainer, Any]:
    """A schedule within a budget, with measured costs in the snapshot; Adagrad, recordings."""
    model = rb.Sequential(rb.GRU(2, 6, rng=1), rb.Dense(6, 1, rng=2))
    optimizer = rb.optim.Adagrad(model, rb.optim.StepDecay(0.1, 3), initial_accumulator=0.1)
    settings: dict[str, Any] = {"checkpoint": "2 MB", "on_nonfinite": "skip", "seed": 3}
    trainer = rb.Trainer(
        model, optimizer, rb.losses.BinaryCrossEntropy(), progress=False, **settings, **options
    )
    x = X.reshape(-1, 2).astype(np.float32)
    recordings = [(x[:40], x[:40, :1] > 0), (x[40:], x[40:, :1] > 0)]
    xs, targets = ([a.astype(np.float32) for a in part] for part in zip(*recordings, strict=True))
    return trainer, rb.Windows(xs, targets, horizon=8, batch_size=2, recordings=True)


RUNS: dict[str, Callable[..., tuple[rb.Trainer, Any]]] = {
    "text": text,
    "sequences": sequences,
    "layers": layers,
    "budget": budget,
}
INPUTS = {
    "text": TEXT[:12].reshape(4, 3),
    "sequences": X[:4].swapaxes(0, 1),
    "layers": IMAGES,
    "budget": X[:4].swapaxes(0, 1).astype(np.float32),
}
"""x (T, B, ...) of the outputs that are expected."""


def outputs(name: str, model: Any) -> Any:
    """Those of a run's model, (T, B, features)."""
    return rb.predict(model, INPUTS[name])[0]


def save(name: str, folder: Path) -> dict[str, Any]:
    """Write the snapshot and the weights of a run; returns what a later version has to find."""
    trainer, data = RUNS[name](folder=folder / name)
    trainer.fit(data, steps=SAVED)
    rb.save_weights(
        trainer.model, folder / f"{name}.safetensors", metadata={"run": name, "steps": SAVED}
    )
    weights = outputs(name, trainer.model).tolist()  # the best ones, where there is a validation
    whole, data = RUNS[name]()
    history = whole.fit(data, steps=SAVED + MORE)
    last = outputs(name, whole.model).tolist()
    losses = {"losses": history.losses, "validation": history.validation_losses}
    return {**losses, "outputs of weights": weights, "outputs in the end": last}


def main(folder: Path) -> None:
    folder.mkdir(parents=True)
    found: dict[str, Any] = {name: save(name, folder) for name in RUNS}
    text = json.dumps({"version": rb.__version__, **found})
    (folder / "expected.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
