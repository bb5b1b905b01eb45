"""Networks and data for tests of what machine code reads."""

from __future__ import annotations

import numpy as np
import pytest

import rnnbp as rb

Array = np.ndarray
STEPS, BATCH, SIZE, UNITS = 6, 3, 8, 40
every_backend = pytest.mark.parametrize("backend", ["interpreter", "numpy", "llvm"])


def network() -> rb.Sequential:
    """An LSTM and a head, in float32."""
    return rb.Sequential(rb.LSTM(SIZE, UNITS, rng=0), rb.Dense(UNITS, 2, rng=1))


def data(features: int = SIZE) -> tuple[Array, Array]:
    """(x, target) of normal numbers."""
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(STEPS, BATCH, n)).astype(np.float32) for n in (features, 2))
    return x, y
