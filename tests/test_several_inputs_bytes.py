"""Models of several inputs: forecast = ledger = tracemalloc, static values included."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp import schedules
from tests.several_inputs import MODELS, data, named
from tests.traced_runs import BACKENDS, traced

T, B, N = 12, 150, 24
MSE = rb.losses.MeanSquaredError()
SCHEDULES: dict[str, Any] = {
    "all": "all",
    "revolve": lambda n: schedules.Revolve(n, 2),
    "thin": lambda n: schedules.ThinTapes(n, 3),
    "disk": lambda n: schedules.EveryK(n, 2, "disk"),
}


pytestmark = pytest.mark.one_in(24)


@pytest.fixture(autouse=True, params=["interpreter", *BACKENDS])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RNNBP_BACKEND", request.param)


def of(model: str) -> tuple[Any, Any, Any]:
    given = data(model, T, B, N)
    return MODELS[model][0](N), named(model, given.inputs), given.target


def shapes(x: Any) -> Any:
    """As a plan takes them."""
    static = {B}
    return tuple(a.shape[1 if a.shape[0] in static else 2 :] for a in x)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("model", MODELS)
def test_forecast_ledger_and_tracemalloc_agree(model: str, schedule: str) -> None:
    built, x, target = of(model)
    run = {"chunk": 5, "checkpoint": SCHEDULES[schedule]}
    peak, stats = traced(built, x, target, **run)
    told = stats.peak_bytes + stats.object_bytes
    assert abs(peak - told) <= max(0.01 * told, 2**15), (peak, stats)
    expected = rb.forecast(built, MSE, steps=T, batch=B, x_shape=shapes(x), **run)
    assert expected.peak_bytes_by_kind == stats.peak_bytes_by_kind


@pytest.mark.long
@pytest.mark.parametrize("dx", [True, False])
def test_most_of_a_run_may_be_static(dx: bool) -> None:
    """Values of a wide static input, what its layers keep, and their deltas."""
    n, wide = 4, 400
    x, s = rb.Input(n, "x"), rb.Input(wide, "s", per="sequence")
    z = rb.Softplus()(rb.Dense(wide, wide, dtype="float64", rng=0)(rb.GELU()(s)))
    head = rb.Dense((wide, n), n, dtype="float64", rng=1)
    model = rb.Graph((x, s), rb.RNN(n, n, dtype="float64", rng=2)(x + head(z, x)))
    rng = np.random.default_rng(0)
    given = rng.normal(size=(T, B, n)), rng.normal(size=(B, wide))
    run: dict[str, Any] = {"chunk": 1, "checkpoint": lambda n: schedules.Revolve(n, 1), "dx": dx}
    peak, stats = traced(model, given, np.zeros((T, B, n)), **run)
    told = stats.peak_bytes + stats.object_bytes
    assert stats.peak_bytes_by_kind["static values"] > 0.15 * stats.peak_bytes
    expected = rb.forecast(model, MSE, steps=T, batch=B, x_shape=((n,), (wide,)), **run)
    assert expected.peak_bytes_by_kind == stats.peak_bytes_by_kind
    assert abs(peak - told) <= max(0.01 * told, 2**15), (peak, stats)


@pytest.mark.long
@pytest.mark.parametrize("model", MODELS)
def test_the_least_that_an_error_names_is_enough_and_is_kept(model: str) -> None:
    built, x, target = of(model)
    with pytest.raises(rb.BudgetError, match="too small for any schedule") as refused:
        rb.bptt(built, x, target, MSE, checkpoint=1000)
    found = re.search(r"([\d,]+) bytes are enough", str(refused.value))
    assert found is not None
    least = int(found[1].replace(",", ""))
    for budget in (least, int(1.4 * least)):
        planned = rb.plan(built, MSE, steps=T, batch=B, x_shape=shapes(x), budget=budget)
        peak, stats = traced(built, x, target, checkpoint=planned)
        assert peak <= budget
        assert stats.peak_bytes_by_kind == planned.forecast.peak_bytes_by_kind
    with pytest.raises(rb.BudgetError, match="too small for any schedule"):
        rb.plan(built, MSE, steps=T, batch=B, x_shape=shapes(x), budget=least - 1000)


@pytest.mark.long
def test_a_summary_and_calibration_take_a_shape_for_each_input() -> None:
    built, x, _ = of("symbols")
    found = built.summary(steps=T, batch=B, x_shape={"s": (), "x": (N,), "g": ()})
    assert found.kept_bytes > 0
    assert found.parameters == sum(p.size for p in built.params.values())
    costs = rb.calibrate(built, batch=B, x_shape=shapes(x))
    assert costs.step["Record"] > 0


def test_a_static_input_is_copied_for_a_product_at_each_step() -> None:
    """A Dense reads it as rows: those of all steps of a chunk."""
    wide = 200
    x, s = rb.Input(1), rb.Input(wide, per="sequence")
    model = rb.Graph((x, s), rb.Dense((1, wide), 1, dtype="float64", rng=0)(x, s))
    rng = np.random.default_rng(0)
    given = rng.normal(size=(T, B, 1)), rng.normal(size=(B, wide))
    peak, stats = traced(model, given, np.zeros((T, B, 1)), chunk=T)
    told = stats.peak_bytes + stats.object_bytes
    assert peak > 8 * T * B * wide
    assert abs(peak - told) <= max(0.01 * told, 2**15), (peak, stats)
