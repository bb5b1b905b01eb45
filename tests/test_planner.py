"""A budget of bytes: kept, predicted to the byte, and never slower for being larger."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.planning.budget import SPARE
from tests.plans import COSTS, MSE, B, T, least_of, lstm, planned, real, spread, stack
from tests.schedule_checks import figures

known_plans = import_module("rnnbp.bptt.known_plans")


@pytest.mark.long
@pytest.mark.parametrize("build", [lstm, stack])
def test_thirty_budgets_are_kept_and_predicted(build: Any) -> None:
    """From the least that works to all cached: within the budget, as forecast, never slower."""
    case = build()
    model, x, target, loss = case
    least, most = least_of(case), planned(case, "1 GB").forecast.peak_bytes
    seconds, chosen = [], set()
    for budget in spread(least, round(1.1 * most) + 500_000, 30):
        plan = planned(case, budget)
        stats = rb.bptt(model, x, target, loss, checkpoint=plan).stats
        assert stats.peak_bytes <= budget
        assert stats.peak_bytes <= plan.chosen.bytes
        assert {name: getattr(stats, name) for name in figures(plan.forecast)} == figures(
            plan.forecast
        )
        assert plan.chosen.seconds == pytest.approx(plan.forecast.seconds, rel=1e-4)
        seconds.append(plan.chosen.seconds)
        chosen.add(plan.chosen.name)
    assert seconds == sorted(seconds, reverse=True)
    assert seconds[0] > 1.3 * seconds[-1]
    assert len(chosen) > 4


@pytest.mark.quick
@pytest.mark.parametrize("build", [lstm, stack])
def test_the_least_budget_works_and_a_byte_less_does_not(build: Any) -> None:
    case = build()
    least = least_of(case)
    assert planned(case, least).forecast.peak_bytes <= least
    with pytest.raises(rb.BudgetError):
        planned(case, least - 1)


def test_a_single_step_needs_no_slot() -> None:
    case = rb.LSTM(8, 32, rng=0), real(1, B, 8), real(1, B, 32), MSE
    with pytest.raises(rb.BudgetError, match="are enough") as caught:
        rb.bptt(*case, checkpoint="1 kB")
    least = caught.value.least
    assert least is not None
    stats = rb.bptt(*case, checkpoint=least).stats
    assert 0.8 * (least - SPARE) < stats.peak_bytes + stats.object_bytes <= least - SPARE


@pytest.mark.quick
@pytest.mark.parametrize("build", [lstm, stack])
def test_gradients_under_a_budget_are_those_of_full_caching(build: Any) -> None:
    case = build()
    model, x, target, loss = case
    plan = planned(case, round(1.3 * least_of(case)))
    found = rb.bptt(model, x, target, loss, checkpoint=plan)
    cached = rb.bptt(model, x, target, loss, chunk=plan.chunk)
    rebuilt = found.stats.steps_rebuilt > 0  # if not, the bits are the same
    for path, grad in cached.grads.items():
        np.testing.assert_allclose(
            found.grads[path],
            grad,
            rtol=1e-4 * rebuilt,
            atol=1e-5 * rebuilt * np.abs(grad).max(),
        )
    assert found.stats.steps_rerun + found.stats.steps_rebuilt > 0


@pytest.mark.parametrize("make", [lstm, pytest.param(stack, marks=pytest.mark.long)])
def test_a_budget_is_planned_for_once(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of a model that is one layer; another budget or length is planned for anew."""
    model, x, target, loss = make()
    seen, choose = list[tuple[int, int]](), known_plans.choose

    def noted(sizes: Any, steps: int, budget: int, *more: Any) -> Any:
        seen.append((steps, budget))
        return choose(sizes, steps, budget, *more)

    monkeypatch.setattr(known_plans, "choose", noted)
    for budget, steps in ((2, T), (2, T), (3, T), (3, T), (3, T // 2), (3, T // 2)):
        rb.bptt(model, x[:steps], target[:steps], loss, checkpoint=f"{budget} MB")
    assert seen == [(T, 2 * 10**6), (T, 3 * 10**6), (T // 2, 3 * 10**6)]


def test_bptt_plans_by_itself() -> None:
    model, x, target, loss = lstm()
    everything = rb.bptt(model, x, target, loss)
    found = rb.bptt(model, x, target, loss, checkpoint="500 kB")
    assert found.stats.peak_bytes <= 430_000 < everything.stats.peak_bytes
    np.testing.assert_allclose(found.dx, everything.dx, rtol=1e-3, atol=1e-6)


@pytest.mark.quick
def test_a_plan_prints_as_a_table() -> None:
    lines = re.sub(r"\n {11}", " ", str(planned(lstm(), "1 MB"))).splitlines()
    assert [line.split()[0] for line in lines[:5]] == [
        "schedule",
        "bytes",
        "arrays",
        "objects",
        "free",
    ]
    assert [line.split()[0] for line in lines[5:8]] == ["steps", "threads", "seconds"]
    rows = lines[9:]
    assert sum("*" in row for row in rows) == 1
    assert len(rows) >= 3


def test_a_plan_needs_no_loss() -> None:
    with_loss, without = (
        rb.plan(lstm()[0], *loss, steps=T, batch=B, budget="1 MB", costs=COSTS)
        for loss in ([rb.losses.MeanAbsoluteError()], [])
    )
    assert with_loss == without


def test_an_output_that_feeds_the_body_is_predicted() -> None:
    """The output of a cell that is no state, and that another Recurrent takes, is in the tape."""
    x, h = rb.Input(4), rb.State(4)
    new = rb.Tanh()(rb.Dense((4, 4), 4, rng=0)(x, h))
    wide = rb.Recurrent(rb.Cell(x, {h: new}, output=rb.Dense(4, 400, rng=1)(new)))
    model, given, target = (
        rb.Sequential(wide, rb.RNN(400, 4, rng=2)),
        real(256, 8, 4),
        real(256, 8, 4),
    )
    stats = rb.bptt(model, given, target, MSE, chunk=16).stats
    assert rb.forecast(model, MSE, steps=256, batch=8, chunk=16).peak_bytes == stats.peak_bytes
    assert rb.bptt(model, given, target, MSE, checkpoint=2_000_000).stats.peak_bytes <= 2_000_000


def test_a_dropout_of_nothing_is_predicted() -> None:
    model = rb.Sequential(
        rb.LSTM(5, 5, rng=0),
        rb.Dropout(0.0),
        rb.Dense(5, 4, rng=1),
        rb.LSTM(4, 4, rng=2),
        rb.Dropout(0.0),
        rb.Dense(4, 2, rng=3),
    )
    stats = rb.bptt(model, real(27, 3, 5), real(27, 3, 2), MSE, chunk=6, checkpoint="sqrt").stats
    assert (
        rb.forecast(model, MSE, steps=27, batch=3, chunk=6, checkpoint="sqrt").peak_bytes
        == stats.peak_bytes
    )


def test_a_model_without_states_fits_a_budget() -> None:
    model = rb.Sequential(rb.Dense(4, 2, rng=1))
    stats = rb.bptt(model, real(50, 3, 4), real(50, 3, 2), MSE, checkpoint="1 MB").stats
    assert stats.peak_bytes <= 10**6
