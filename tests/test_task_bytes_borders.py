"""Tables of kernels' tasks are counted from the first Backward, not from the start of a run."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.traced_runs import traced

pytestmark = pytest.mark.skipif(not find_spec("llvmlite"), reason="kernels need llvmlite")

MSE = rb.losses.MeanSquaredError()
T, B = 400, 600


def tail() -> Any:
    """Its peak is where y and dy are, before the cell's backward makes the first table."""
    return rb.Sequential(rb.GRU(2, 2, rng=0), rb.Dense(2, 8, rng=1))


def between() -> Any:
    return rb.Sequential(
        rb.Dense(2, 3, rng=0), rb.RNN(3, 2, rng=1), rb.LSTM(2, 2, rng=2), rb.Dense(2, 8, rng=3)
    )


def alone() -> Any:
    return rb.Sequential(rb.Dense(2, 2, rng=0), rb.Dense(2, 8, rng=1))


RUNS: dict[str, dict[str, Any]] = {
    "one chunk": {"chunk": T},
    "a shorter last chunk": {"chunk": 150},
    "a horizon": {"chunk": 100, "horizon": 200},
    "chunks run again": {"chunk": 130, "checkpoint": lambda n: rb.schedules.Revolve(n, 1)},
}


@pytest.mark.long
@pytest.mark.one_in(3)
@pytest.mark.parametrize("model", [tail, between, alone])
@pytest.mark.parametrize("how", RUNS)
def test_arrays_are_those_of_tracemalloc(model: Any, how: str) -> None:
    rng = np.random.default_rng(0)
    x, target = (
        rng.normal(size=(T, B, 2)).astype("float32"),
        rng.normal(size=(T, B, 8)).astype("float32"),
    )
    peak, stats = traced(model(), x, target, backend="llvm", **RUNS[how])
    expected = rb.forecast(
        model(), MSE, steps=T, batch=B, x_shape=(2,), backend="llvm", **RUNS[how]
    )
    assert expected.peak_bytes_by_kind == stats.peak_bytes_by_kind
    assert abs(peak - stats.peak_bytes - stats.object_bytes) <= 2**16
