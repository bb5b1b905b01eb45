"""Models with parameter values: forecast = ledger = tracemalloc, and budgets are kept."""

from __future__ import annotations

import re
from typing import Any

import pytest

import rnnbp as rb
from rnnbp import schedules
from tests.parameter_models import MODELS, data
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


@pytest.mark.one_in(12)
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


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] * (name != "gated")) for name in MODELS]
)
def test_the_least_that_an_error_names_is_enough_and_is_kept(name: str) -> None:
    model, (x, target) = MODELS[name](N), data(name, T, B, N)
    with pytest.raises(rb.BudgetError, match="too small for any schedule") as refused:
        rb.bptt(model, x, target, MSE, checkpoint=1000)
    found = re.search(r"([\d,]+) bytes are enough", str(refused.value))
    assert found is not None
    least = int(found[1].replace(",", ""))
    planned = rb.plan(model, MSE, steps=T, batch=B, x_shape=shapes(x), budget=least)
    peak, stats = traced(model, x, target, checkpoint=planned)
    assert peak <= least
    assert stats.peak_bytes_by_kind == planned.forecast.peak_bytes_by_kind
