"""Models with parameter values: forecast = ledger = tracemalloc, and budgets are kept."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp import schedules
from tests.parameter_models import MODELS, data
from tests.traced_runs import BACKENDS, traced

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


@pytest.mark.one_in(24, "schedule", "backend")
@pytest.mark.parametrize("backend", ["interpreter", *BACKENDS])
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
    few = max(0.01 * told, 2**15)  # NumPy's buffers, which are counted and rarely used
    assert stats.peak_bytes - few <= peak <= told + few, (peak, told, stats)
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


@pytest.mark.parametrize("backend", ["interpreter", *BACKENDS])
def test_parts_of_a_static_input_lie_together_once_a_run(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kernels would copy a view of some columns in every chunk."""
    monkeypatch.setenv("RNNBP_BACKEND", backend)
    x, s, h = rb.Input(N, "x"), rb.Input(2 * N, "s", per="sequence"), rb.State(N, "h")
    left, _ = rb.Split(N, N)(s)
    w = rb.Parameter((N, N), dtype="float64", rng=0)
    h_new = rb.Tanh()(w @ h + x) * left
    model = rb.Recurrent(rb.Cell((x, s), {h: h_new}, output=h_new))
    given, target = data("gated", T, B, N)
    xs = given[0], np.concatenate([given[1], given[1]], axis=1)
    found = rb.bptt(model, xs, target, MSE, chunk=3).stats
    shape: Any = ((N,), (2 * N,))
    expected = rb.forecast(model, MSE, steps=T, batch=B, x_shape=shape, chunk=3)
    assert expected.peak_bytes_by_kind == found.peak_bytes_by_kind
    assert found.peak_bytes_by_kind["static values"] == 8 * B * N
