"""A problem to compare schedules on."""

from __future__ import annotations

from typing import Any

import numpy as np

import rnnbp as rb

T, B, SHARES = 60, 4, (25, 55, 100)

MSE = rb.losses.MeanSquaredError()


def problem() -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    x, target = (
        rng.standard_normal((T, B, 3), np.float32),
        rng.standard_normal((T, B, 20), np.float32),
    )
    return rb.LSTM(3, 20, rng=0), x, target, MSE
