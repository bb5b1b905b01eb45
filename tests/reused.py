"""Runs whose memory is kept, although it is traced."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests import helpers

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


reals = partial(helpers.reals, dtype=np.float32)


def run(model: Any, seed: int = 0, loss: Any = given, **how: Any) -> rb.Gradients:
    """Gradients on random data."""
    return rb.bptt(model, reals(T, B, 32, seed=seed), reals(T, B, N, seed=seed + 1), loss, **how)
