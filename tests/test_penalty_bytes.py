"""Models with penalties: forecast = ledger = tracemalloc, and budgets are kept."""

from __future__ import annotations

from typing import Any

import pytest

import rnnbp as rb
from rnnbp import schedules
from tests.penalty_models import MODELS, data
from tests.traced_runs import traced

T, B, N = 12, 20, 80
MSE = rb.losses.MeanSquaredError()
SCHEDULES: dict[str, Any] = {
    "all": "all",
    "revolve": lambda n: schedules.Revolve(n, 2),
    "thin": lambda n: schedules.ThinTapes(n, 3),
}


def shapes(x: Any) -> Any:
    """As a plan takes them."""
    return tuple([(N,)] * len(x)) if isinstance(x, tuple) else (N,)


@pytest.mark.long
@pytest.mark.one_in(24)
@pytest.mark.parametrize("backend", ["interpreter", "numpy", "llvm"])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", MODELS)
def test_forecast_ledger_and_tracemalloc_agree(
    name: str, schedule: str, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RNNBP_BACKEND", backend)
    model, (x, target) = MODELS[name](N), data(name, T, B, N)
    run = {"chunk": 5, "checkpoint": SCHEDULES[schedule]}
    peak, stats = traced(model, x, target, **run)
    told = stats.peak_bytes + stats.object_bytes
    assert abs(peak - told) <= max(0.01 * told, 2**16), (peak, told, stats)
    expected = rb.forecast(model, MSE, steps=T, batch=B, x_shape=shapes(x), **run)
    assert expected.peak_bytes_by_kind == stats.peak_bytes_by_kind


def test_the_delta_of_a_state_that_only_a_penalty_depends_on_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RNNBP_BACKEND", "interpreter")
    model, (x, target) = MODELS["unseen"](200), data("unseen", 6, 100, 200)
    peak, stats = traced(model, x, target, chunk=5, checkpoint="sqrt")
    assert abs(peak - stats.peak_bytes - stats.object_bytes) <= 2**16
