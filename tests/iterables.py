"""Iterables of every kind as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import rnnbp as rb

MSE = rb.losses.MeanSquaredError()

N, T, B, F = 4, 5, 3, 2

RNG = np.random.default_rng(0)

ITEMS = [(x, x[..., :1] * 2) for x in RNG.normal(size=(N, T, B, F))]


def trainer(folder: Path | None = None, **options: Any) -> rb.Trainer:
    layers = rb.LSTM(F, 4, dtype="float64", rng=0), rb.Dense(4, 1, dtype="float64", rng=1)
    model = rb.Sequential(*layers)
    return rb.Trainer(model, rb.optim.Adam(model), MSE, folder=folder, **options)
