"""What a plan knows of seconds: costs measured, kept, given; what a forecast makes of them."""

from __future__ import annotations

from functools import partialmethod
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

import rnnbp as rb
from rnnbp.inputs.models import as_model
from rnnbp.planning.costs import Costs
from rnnbp.planning.run_sizes import sizes_of
from rnnbp.support.memo import Recent
from tests.plans import COSTS, MSE, STEP, B, T, least_of, lstm

calibration = import_module("rnnbp.bptt.calibration")
measuring = import_module("rnnbp.bptt.measuring")


@pytest.mark.quick
def test_too_small_a_budget_is_refused_with_nothing_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the budget: no costs are measured below the least, and they are from there on."""
    model, runs = rb.LSTM(8, 32, rng=0), []
    monkeypatch.setattr(calibration, "_known", Recent(256))
    monkeypatch.setattr(calibration, "measured", lambda *_: runs.append(1) or COSTS)
    least = least_of(lstm())
    for budget in (1, 80_000, least // 2, least - 1):
        with pytest.raises(rb.BudgetError, match=rf"; {least:,} bytes are enough"):
            rb.plan(model, MSE, steps=T, batch=B, budget=budget)
    assert not runs
    assert rb.plan(model, MSE, steps=T, batch=B, budget=least).costs == COSTS
    assert runs


@pytest.mark.parametrize("room", [1, 80_000, 10**6, 10**9])
def test_costs_can_be_measured_in_any_room(room: int) -> None:
    found = measuring.measured(sizes_of(as_model(rb.LSTM(8, 64, rng=0)), (8,), B, MSE), room)
    assert all(found.step[kind] > 0 for kind in STEP)


def test_costs_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that only the actions move, each by its own line, these lines are the costs."""
    module, clock = import_module("rnnbp.bptt.measuring"), [0.0]
    lines = {kind: (1e-4 * k, 1e-5 * step) for k, (kind, step) in enumerate(STEP.items(), 1)}

    def moving(self: Any, *args: Any, fixed: float, step: float, method: Any) -> Any:
        clock[0] += fixed + step * self.problem.chunk
        return method(self, *args)

    for kind, (fixed, step) in lines.items():
        method = getattr(module.Chunks, kind.lower())
        monkeypatch.setattr(
            module.Chunks,
            kind.lower(),
            partialmethod(moving, fixed=fixed, step=step, method=method),
        )
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    found = rb.calibrate(rb.LSTM(8, 64, rng=0), batch=8)
    for kind, (fixed, step) in lines.items():
        assert found.fixed[kind] == pytest.approx(fixed, rel=1e-6)
        assert found.step[kind] == pytest.approx(step, rel=1e-6)
    assert str(found).splitlines()[0].split() == ["µs", "a", "chunk", "a", "step"]


def test_costs_are_measured_once_for_a_structure() -> None:
    first = rb.calibrate(rb.LSTM(3, 5, rng=0), batch=2)
    assert rb.calibrate(rb.LSTM(3, 5, rng=1), batch=2) is first
    assert rb.plan(rb.LSTM(3, 5, rng=2), MSE, steps=9, batch=2, budget="1 MB").costs is first
    others = [rb.LSTM(3, 6, rng=0), rb.LSTM(3, 5, rng=0, dtype="float64"), rb.GRU(3, 5, rng=0)]
    assert all(rb.calibrate(model, batch=2) is not first for model in others)
    assert rb.calibrate(rb.LSTM(3, 5, rng=0), batch=3) is not first


def test_a_forecast_has_seconds_where_it_has_costs() -> None:
    """40 steps in chunks of 8, a checkpoint at each: 4 chunks run twice."""
    found = rb.forecast(
        lstm()[0],
        MSE,
        steps=40,
        batch=B,
        chunk=8,
        checkpoint=lambda n: rb.schedules.EveryK(n, 1),
        costs=COSTS,
    )
    assert found.seconds == 4 * 0.5 + 32 * 1.0 + 5 * 0.5 + 40 * 1.2 + 5 * 0.5 + 40 * 2.0
    assert rb.forecast(lstm()[0], MSE, steps=40, batch=B).seconds is None


@pytest.mark.parametrize(
    ("fixed", "step", "error", "message"),
    [
        ({}, {}, ValueError, "Costs: fixed must have Advance, Keep"),
        (STEP | {"advance": 1.0}, STEP, ValueError, "Costs: fixed must have"),
        (STEP, STEP | {"Record": -1.0}, ValueError, "Costs: seconds of Record must lie in"),
        (STEP, STEP | {"Record": "x"}, TypeError, "Costs: seconds of Record must be a number"),
        (
            dict.fromkeys(STEP, 0.0),
            dict.fromkeys(STEP, 0.0),
            ValueError,
            "Costs: every action takes time",
        ),
        (None, None, TypeError, "Costs: fixed and step are dicts"),
    ],
)
def test_costs_that_cannot_be(fixed: Any, step: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Costs(fixed, step)
