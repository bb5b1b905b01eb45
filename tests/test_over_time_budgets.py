"""Budgets of networks over time are kept, with the gradients of full caching, bit by bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.planning.network_plan import NetworkPlan
from tests.helpers import assert_same_named
from tests.over_time_bytes import Problem, problem_of, wide_models
from tests.over_time_models import WITH_RESETS
from tests.plans import COSTS

MODELS = wide_models(5)
NAMES = (
    *("three of both", "there and back", "skips", "read both ways", "all reductions"),
    *("conditioned", "by bridges", "by attention", "several", "two axes", "random 4"),
)
SHARES = {"least": 0.0, "some": 0.2, "half": 0.5}
"""Where budgets are between the least and full caching."""
STEPS = {"time": 96, "source": 64}
"""Short enough for the least budgets, in which a step runs as often as there are steps. Python's
objects weigh much then: how near what is told comes is tested on longer ones, in
``test_over_time_bytes``."""
LARGE = 1 << 40


def least_of(problem: Problem) -> int:
    """The budget that the error of a smaller one names."""
    with pytest.raises(rb.BudgetError) as caught:
        problem.run(checkpoint=1, chunk=None)
    assert caught.value.least is not None
    return caught.value.least


def cached_of(problem: Problem) -> int:
    """The bytes of arrays of full caching."""
    return problem.run(checkpoint=LARGE, chunk=None).stats.peak_bytes


def parts_of(dx: Any) -> list[Any]:
    """The gradients by inputs, one after the other."""
    return [*dx] if isinstance(dx, tuple) else [dx]


def check_kept(problem: Problem, budget: int) -> None:
    """That a run within a budget keeps it, as its plan says, and has the gradients of all cached."""
    found = problem.bytes(checkpoint=budget, chunk=None)
    assert found.ledger + found.objects <= budget
    assert found.traced <= budget
    plan = rb.plan(problem.model, problem.loss, budget=budget, costs=COSTS, **problem.ahead)
    assert isinstance(plan, NetworkPlan)
    assert plan.joint.peak_bytes == found.forecast == found.ledger
    within, cached = (problem.run(checkpoint=c, chunk=dict(plan.chunks)) for c in (budget, "all"))
    assert within.loss == cached.loss
    assert_same_named(within.grads, cached.grads)
    pairs = zip(parts_of(within.dx), parts_of(cached.dx), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)


@pytest.mark.long
@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("name", NAMES)
def test_a_budget_is_kept(name: str, share: str) -> None:
    problem = problem_of(MODELS[name](), resets=name in WITH_RESETS, most=STEPS)
    least, cached = least_of(problem), cached_of(problem)
    check_kept(problem, int(least + (cached - least) * SHARES[share]))


def test_a_budget_of_a_short_run_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RNNBP_BACKEND", "interpreter")  # compiling takes longer
    problem = problem_of(MODELS["read both ways"](), most={"time": 10})
    check_kept(problem, least_of(problem) * 5 // 4)
