"""Trainings of a model whose optimiser's state is large enough to be cut into parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import rnnbp as rb
from rnnbp.numerics import Array
from rnnbp.optim.base import Optimizer
from rnnbp.parallel import Exchange
from tests.parallel_trainings import everything

SHARDS, STEPS = 4, 5
RULES: dict[str, Callable[[rb.Sequential], Optimizer]] = {
    "sgd": lambda m: rb.optim.SGD(m, 0.05, momentum=0.9),
    "adam": lambda m: rb.optim.Adam(m, 0.02),
    "adamw": lambda m: rb.optim.AdamW(m, 0.02, groups={"*bias*": {"weight_decay": 0.0}, "2.*": {"learning_rate": 0.1}}),
    "rmsprop": lambda m: rb.optim.RMSProp(m, 0.02, frozen="0.bias*"),
    "adagrad": lambda m: rb.optim.Adagrad(m, 0.1),
}  # fmt: skip
OPTIONS: dict[str, dict[str, Any]] = {
    "norm": {"clip_norm": 0.5},
    "value": {"clip_value": 0.01},
    "both": {"clip_norm": 0.05, "clip_value": 0.01},
    "none": {"learning_rate": rb.optim.Cosine(0.05, steps=STEPS)},
    "several": {"accumulate": 2, "clip_norm": 0.5},
}


def trainer(parallel: Exchange, rule: str, **options: object) -> rb.Trainer:
    """One of a small model, whose largest parameter has several blocks."""
    layers = rb.LSTM(3, 70, dropout=0.3, rng=0), rb.Dropout(0.2), rb.Dense(70, 3, rng=1)
    model = rb.Sequential(*layers)
    loss = rb.losses.MeanSquaredError()
    return rb.Trainer(model, RULES[rule](model), loss, parallel=parallel, **options)  # type: ignore[arg-type]


def data() -> rb.Sequences:
    """Ragged sequences."""
    rng = np.random.default_rng(0)
    x, lengths = rng.normal(size=(20, 6, 3)).astype("float32"), rng.integers(1, 7, 20)
    return rb.Sequences(x, x.cumsum(axis=1), batch_size=9, seed=1, lengths=lengths)


def trained(
    parallel: Exchange, rule: str, steps: int = STEPS, **options: object
) -> dict[str, Array]:
    """What a run ends with."""
    made = trainer(parallel, rule, **options)
    made.fit(data(), steps=steps)
    return everything(made)
