"""Runs that are resumed with another model, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.train import Sequences, Trainer

SYMBOLS = np.random.default_rng(0).integers(0, 4, (8, 6))

DATA = Sequences(SYMBOLS, SYMBOLS, batch_size=4)


def classifier(activation: str = "tanh", eps: float = 1e-5) -> rb.Sequential:
    layers = (
        rb.RNN(3, 5, activation=activation, rng=1),
        rb.LayerNorm(5, eps=eps),
        rb.Dense(5, 4, rng=2),
    )
    return rb.Sequential(rb.Embedding(4, 3, rng=0), *layers)


def trainer(folder: Path, model: Any = None, loss: Any = None, **options: Any) -> Trainer:
    model = classifier() if model is None else model
    return Trainer(
        model, rb.optim.Adam(model), loss or rb.losses.CrossEntropy(), folder=folder, **options
    )


def refusal(
    folder: Path,
    before: Callable[[Path], Trainer],
    after: Callable[[Path], Trainer],
    **override: Any,
) -> str:
    """What is said when a run that began as ``before`` goes on as ``after``."""
    before(folder).fit(DATA, steps=1)
    now = after(folder)
    old = {name: p.copy() for name, p in now.model.params.items()}
    with pytest.raises(ValueError, match="the run was set up otherwise: ") as caught:
        now.resume(**override)
    assert now.at.step == 0
    assert all(np.array_equal(p, old[name]) for name, p in now.model.params.items())
    return str(caught.value)
