"""A trainer of one weight, whose figures are known to the bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import rnnbp as rb

MSE = rb.losses.MeanSquaredError()
ONE = np.ones((1, 1, 1), np.float32)
DATA = rb.Sequences(ONE, 4 * ONE, batch_size=1)  # an epoch is a step
HELD_OUT = rb.Sequences(
    np.array([0.15, 1, 0.135], np.float32).reshape(3, 1, 1),
    np.array([1, 2, 0], np.float32).reshape(3, 1, 1),
    batch_size=3,
)


def upwards(y: Any, target: Any) -> Any:
    """A figure that grows with the weight."""
    return y - target


def trainer(folder: Path | None = None, **options: Any) -> rb.Trainer:
    """One weight, zero at first, trained by gradient descent."""
    model = rb.Sequential(rb.Dense(1, 1, bias=False, weight_init=0.0))
    given: dict[str, Any] = {
        "validation": HELD_OUT,
        "metrics": ["accuracy", "mae"],
        "keep_best": True,
    } | options
    return rb.Trainer(model, rb.optim.SGD(model, learning_rate=0.25), MSE, folder=folder, **given)


def weight(one: rb.Trainer) -> float:
    """The one weight."""
    return float(one.model.params["0.weight"][0, 0])
