"""The cases that train: every optimiser, source and setting for a few steps; and what a run leaves in files."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import rnnbp as rb
from tests.corpus.digests import Found, flat
from tests.corpus.losses import LOSSES
from tests.corpus.models import NETWORKS
from tests.corpus.planned import COSTS

OPTIMISERS: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda m: rb.optim.SGD(m, 0.1),
    "momentum": lambda m: rb.optim.SGD(m, 0.1, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda m: rb.optim.SGD(m, 0.1, momentum=0.9, nesterov=True),
    "adagrad": lambda m: rb.optim.Adagrad(
        m, 0.1, lr_decay=0.1, weight_decay=0.01, initial_accumulator=0.1
    ),
    "rmsprop": lambda m: rb.optim.RMSProp(m, 0.01),
    "rmsprop momentum": lambda m: rb.optim.RMSProp(
        m, 0.01, momentum=0.5, alpha=0.9, weight_decay=0.01
    ),
    "adam": lambda m: rb.optim.Adam(m, 0.01),
    "adam decay": lambda m: rb.optim.Adam(m, 0.01, betas=(0.8, 0.99), eps=1e-6, weight_decay=0.01),
    "adamw": lambda m: rb.optim.AdamW(m, 0.01),
    "adam groups": lambda m: rb.optim.Adam(m, 0.01, groups={"*bias*": {"learning_rate": 0.1}}),
    "adamw frozen": lambda m: rb.optim.AdamW(
        m, 0.01, frozen="*bias*", groups={"*": {"weight_decay": 0.1}}
    ),
    "cosine": lambda m: rb.optim.SGD(m, rb.optim.WarmUp(rb.optim.Cosine(0.1, 20), 2)),
    "steps": lambda m: rb.optim.Adam(m, rb.optim.StepDecay(0.1, 2)),
}
RNG = np.random.default_rng(7)
X, TEXT = RNG.normal(size=(11, 6, 3)), RNG.integers(0, 7, 131).astype(np.uint8)
LENGTHS = np.array([6, 2, 5, 1, 3, 6, 4, 6, 2, 1, 6])
STREAM = RNG.normal(size=(53, 3))


def _batches(dtype: str) -> Any:
    x = X.astype(dtype)
    return [(x[k : k + 4].swapaxes(0, 1), x[k : k + 4, :, :2].swapaxes(0, 1)) for k in (0, 4)]


SOURCES: dict[str, Callable[[str], Any]] = {
    "sequences": lambda t: rb.Sequences(X.astype(t), X[:, :, :2].astype(t), batch_size=4, seed=5),
    "lengths": lambda t: rb.Sequences(
        X.astype(t), X[:, :, :2].astype(t), batch_size=4, lengths=LENGTHS
    ),
    "last": lambda t: rb.Sequences(
        X.astype(t), X[:, 0, :2].astype(t), batch_size=4, lengths=LENGTHS, last=True
    ),
    "windows": lambda t: rb.Windows(
        STREAM.astype(t), STREAM[:, :2].astype(t), horizon=8, batch_size=3
    ),
    "warm up": lambda t: rb.Windows(
        STREAM.astype(t), STREAM[:, :2].astype(t), horizon=8, batch_size=2, warm_up=5
    ),
    "text": lambda _: rb.Windows.next_symbol(TEXT, horizon=8, batch_size=4),
    "examples": lambda t: rb.Examples(
        X[:, 0].astype(t), X[:, 1, :2].astype(t), batch_size=4, seed=5
    ),
    "batches": lambda t: rb.Batches(_batches(t)),
}


@dataclass(frozen=True)
class Training:
    """Some steps of ``fit``: losses, parameters, the loss and outputs afterwards, the weights file."""

    network: str = "regression"
    source: str = "sequences"
    optimiser: str = "adam"
    loss: str = "squares"
    dtype: str = "float32"
    steps: int = 3
    budget: int | str | None = None
    """That of a plan for it, by costs that are given."""
    options: dict[str, Any] = field(default_factory=dict)

    def run(self) -> Found:
        model, data = NETWORKS[self.network].build(self.dtype), SOURCES[self.source](self.dtype)
        loss, optimiser = (
            LOSSES[self.loss].build(NETWORKS[self.network].y[-1]),
            OPTIMISERS[self.optimiser](model),
        )
        options = {"steps": self.steps, "progress": False} | self.options
        if self.budget is not None:
            sizes: dict[str, Any] = {
                "steps": 6,
                "batch": 4,
                "x_shape": (3,),
                "dx": False,
                "optimizer": optimiser,
            }
            options["checkpoint"] = rb.plan(model, loss, budget=self.budget, costs=COSTS, **sizes)
        history = rb.fit(model, data, loss, optimiser, **options)
        found = {
            "history": history,
            "params": dict(model.params),
            "evaluated": rb.evaluate(model, data, loss),
        }
        return flat("", found | {"y": rb.predict(model, data)}) | _weights(model)


def _weights(model: Any) -> Found:
    """The weights file, byte for byte, and whether it is read back."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        rb.save_weights(model, path, metadata={"name": "corpus"})
        read = rb.load_weights(model, path)
        return {"file": hashlib.sha256(path.read_bytes()).hexdigest()[:20], "metadata": str(read)}


@dataclass(frozen=True)
class Resumed:
    """A run that goes on from its snapshot: its parameters, and the names and the weights that it leaves."""

    source: str
    network: str = "regression"
    loss: str = "squares"
    dtype: str = "float32"

    def run(self) -> Found:
        with tempfile.TemporaryDirectory() as folder:
            options = {"folder": folder, "progress": False, "learning_rate": 0.01}
            for steps in (2, 5):
                model, data = (
                    NETWORKS[self.network].build(self.dtype),
                    SOURCES[self.source](self.dtype),
                )
                loss = LOSSES[self.loss].build(NETWORKS[self.network].y[-1])
                history = rb.fit(model, data, loss, "adam", steps=steps, resume=True, **options)
            names = sorted(path.name for path in Path(folder).iterdir())
            weights = hashlib.sha256((Path(folder) / "model.safetensors").read_bytes()).hexdigest()[
                :20
            ]
            found = {
                "history": history,
                "params": dict(model.params),
                "names": names,
                "file": weights,
            }
            return flat("", found)


@dataclass(frozen=True)
class Search:
    """A few iterations of L-BFGS."""

    dtype: str

    def run(self) -> Found:
        network, loss = NETWORKS["regression"], rb.losses.MeanSquaredError()
        model, x = network.build(self.dtype), network.data(9, 4, self.dtype)
        target = x[:, :, :2]

        def closure() -> Any:
            result = rb.bptt(model, x, target, loss, progress=False)
            return result.loss, result.grads

        found = rb.optim.lbfgs(closure, model, max_iter=4)
        kept = {
            "loss": found.loss,
            "iterations": found.iterations,
            "evaluations": found.evaluations,
        }
        return flat("", kept | {"params": dict(model.params)})
