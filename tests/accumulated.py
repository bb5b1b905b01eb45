"""Data and models for updates from several batches."""

from __future__ import annotations

from typing import Any

import numpy as np

import rnnbp as rb

RNG = np.random.default_rng(0)

X = RNG.normal(size=(14, 5, 2))


def network(outputs: int = 1) -> rb.Sequential:
    options: dict[str, Any] = {"dtype": "float64"}
    return rb.Sequential(
        rb.Dense(2, 4, rng=0, **options), rb.Tanh(), rb.Dense(4, outputs, rng=1, **options)
    )


def sequences(size: int, target: Any, **options: Any) -> rb.Sequences:
    return rb.Sequences(X, target, batch_size=size, shuffle=False, **options)
