"""A plan, or a budget, where forecasts, checks of gradients and training take one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb

MSE = rb.losses.MeanSquaredError()
STEP = {"Advance": 1.0, "Keep": 1.1, "Record": 1.2, "Rebuild": 0.7, "Backward": 2.0}
COSTS = rb.Costs(dict.fromkeys(STEP, 0.5), STEP)
T, B = 60, 4


def model() -> rb.Sequential:
    return rb.Sequential(rb.LSTM(3, 8, rng=1), rb.Dense(8, 2, rng=2))


def planned(budget: str = "190 kB", **options: Any) -> rb.Plan:
    return rb.plan(model(), MSE, steps=T, batch=B, budget=budget, costs=COSTS, **options)


def data(steps: int = T) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return tuple(rng.normal(size=(steps, B, n)).astype("float32") for n in (3, 2))


# forecast


@pytest.mark.parametrize("dx", [True, False])
def test_the_forecast_with_a_plan_is_that_of_the_plan(dx: bool) -> None:
    plan = planned(dx=dx)
    assert rb.forecast(model(), MSE, steps=T, batch=B, checkpoint=plan) == plan.forecast
    stats = rb.bptt(model(), *data(), MSE, checkpoint=plan).stats
    assert stats.peak_bytes == plan.forecast.peak_bytes


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"chunk": 7}, r"the plan is for chunks of \d+ steps, found chunk=7; leave chunk out"),
        (
            {"steps": 600},
            r"the plan is for [\d,]+ steps, \d+ chunks of \d+, found 600 steps; plan anew",
        ),
        ({"dx": False}, "the plan is for dx=True, found dx=False"),
    ],
)
def test_a_forecast_of_a_different_run_than_the_plans_is_refused(
    options: dict[str, Any], text: str
) -> None:
    given = {"steps": T, "batch": B, "checkpoint": planned()} | options
    with pytest.raises(rb.BudgetError, match=text):
        rb.forecast(model(), MSE, **given)


@pytest.mark.parametrize("budget", ["250 kB", 250_000])
def test_a_forecast_of_a_budget_names_plan(budget: Any) -> None:
    with pytest.raises(rb.BudgetError) as caught:
        rb.forecast(model(), MSE, steps=T, batch=B, checkpoint=budget)
    assert str(caught.value) == (
        f"forecast: checkpoint is a budget, {budget!r}, for which a schedule is chosen first; the "
        f"forecast of the fastest is plan(model, loss, steps=60, batch=4, budget={budget!r})"
        ".forecast"
    )


def test_what_is_no_schedule_is_named_by_its_class_where_its_repr_is_long() -> None:
    plan = planned()
    cure = "give its schedule, as plan.schedule, and with it chunk=plan.chunk"
    with pytest.raises(TypeError) as caught:
        rb.simulate(plan)  # type: ignore[arg-type]  # what users do
    assert str(caught.value) == f"checkpoint is a Plan, which is no schedule; {cure}"
    with pytest.raises(TypeError, match="checkpoint is a Forecast, which is no schedule"):
        rb.bptt(model(), *data(), MSE, checkpoint=plan.forecast)


# plan


@pytest.mark.parametrize(
    ("name", "built"),
    [("adam", rb.optim.Adam), ("sgd", rb.optim.SGD), ("rmsprop", rb.optim.RMSProp)],
)
def test_plan_takes_the_names_of_optimizers_that_fit_takes(
    name: str, built: type[rb.optim.Adam]
) -> None:
    assert planned(optimizer=name) == planned(optimizer=built(model()))


def test_an_optimizer_that_plan_does_not_know() -> None:
    with pytest.raises(ValueError, match=r"plan: optimizer is one of .*, found 'Adam' \(did you"):
        planned(optimizer="Adam")
    with pytest.raises(TypeError, match=r"found <class .*Adam'>; as Adam\(model\), or 'adam'"):
        planned(optimizer=rb.optim.Adam)


# check_grads


@pytest.mark.parametrize("steps", [T, T - 1])
def test_gradients_are_checked_under_a_plan(steps: int) -> None:
    """Its schedule and chunks count; its bytes are those of float32, and the check's float64."""
    found = rb.check_grads(model(), *data(steps), MSE, checkpoint=planned(), samples=2)
    assert found.worst < 1e-12


def test_gradients_are_checked_within_a_budget() -> None:
    found = rb.check_grads(model(), *data(), MSE, checkpoint="300 kB", samples=2)
    assert found.worst < 1e-12


def test_a_check_in_other_chunks_than_the_plans_names_those_that_were_given() -> None:
    with pytest.raises(rb.BudgetError, match=r"for chunks of \d+ steps, found chunk=5; leave"):
        rb.check_grads(model(), *data(), MSE, checkpoint=planned(), chunk=5)
    with pytest.raises(rb.BudgetError, match=r"chunks of \d+, found 6 steps; plan anew"):
        rb.check_grads(model(), *data(6), MSE, checkpoint=planned())
