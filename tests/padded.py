"""Sequences with padding, random numbers and a network for them."""

from __future__ import annotations

from typing import Any

import numpy as np

import rnnbp as rb

MSE = rb.losses.MeanSquaredError()
T, B = 11, 4
LENGTHS = np.array([11, 3, 0, 7])
MASK = np.arange(T)[:, None] < LENGTHS


def reals(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    """Normal numbers."""
    return np.random.default_rng(len(shape)).normal(size=shape).astype(dtype)


def padded(array: np.ndarray, value: Any, mask: np.ndarray = MASK) -> np.ndarray:
    """The array with this value wherever the mask is False."""
    found = array.copy()
    found[~mask] = value
    return found


def net(last: int = 1) -> rb.Sequential:
    """Two Recurrents between two Denses."""
    return rb.Sequential(
        rb.Dense(3, 4, rng=3), rb.LSTM(4, 5, rng=0), rb.GRU(5, 4, rng=1), rb.Dense(4, last, rng=2)
    )
