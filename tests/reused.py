"""Runs whose memory is kept, although it is traced."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

T, B, N = 96, 16, 64


@pytest.fixture(autouse=True)
def untraced(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Memory is kept although it is traced; none from other tests."""
    rb.release_memory()
    monkeypatch.setattr(tracemalloc, "is_tracing", lambda: False)
    yield
    rb.release_memory()


def given(y: np.ndarray, dy: np.ndarray) -> tuple[float, np.ndarray]:
    """A loss whose derivative is the target."""
    return float(y.sum()), dy


def reals(*shape: int, seed: int = 0) -> np.ndarray:
    """Normal numbers in float32."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def run(model: Any, seed: int = 0, loss: Any = given, **how: Any) -> rb.Gradients:
    """Gradients on random data."""
    return rb.bptt(model, reals(T, B, 32, seed=seed), reals(T, B, N, seed=seed + 1), loss, **how)


def same(a: rb.Gradients, b: rb.Gradients) -> None:
    """Assert equal bits."""
    assert a.loss == b.loss
    for x, y in ((a.dx, b.dx), *((a.grads[name], b.grads[name]) for name in a.grads)):
        np.testing.assert_array_equal(x, y)
