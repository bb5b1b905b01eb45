"""All that tracemalloc finds is within a budget, Python's own objects included."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.planning.budget import SPARE
from rnnbp.planning.costs import Costs
from tests.byte_models import own_cell
from tests.traced_runs import real, traced

MSE, CE = rb.losses.MeanSquaredError(), rb.losses.CrossEntropy()
STEP = {"Advance": 1.0, "Keep": 1.1, "Record": 1.2, "Rebuild": 0.7, "Backward": 2.0}
COSTS = Costs(dict.fromkeys(STEP, 0.5), STEP)
BACKENDS = ["numpy", "interpreter", *(["llvm"] if find_spec("llvmlite") else [])]
LETTERS = np.random.default_rng(0).integers(0, 7, (50, 6))


def tiny() -> Any:
    return rb.RNN(1, 1, rng=0), real(20, 1, 1), real(20, 1, 1), MSE


def letters() -> Any:
    model = rb.Sequential(rb.Embedding(7, 5, rng=0), rb.GRU(5, 6, rng=0), rb.Dense(6, 7, rng=0))
    return model, LETTERS, LETTERS, CE


def deep() -> Any:
    return (
        rb.Sequential(*[rb.GRU(6, 6, rng=k) for k in range(4)]),
        real(41, 3, 6),
        real(41, 3, 6),
        MSE,
    )


def opaque() -> Any:
    return (
        rb.Sequential(own_cell(8, 16, "float32", 0), rb.Dense(16, 5, rng=1)),
        real(31, 4, 8),
        real(31, 4, 5),
        MSE,
    )


def large() -> Any:
    """Most of its bytes are weights, packed before the first step."""
    return rb.LSTM(20, 150, rng=0), real(24, 8, 20), real(24, 8, 150), MSE


def planned(case: Any, backend: str, budget: int) -> rb.Plan:
    model, x, _, loss = case
    how: dict[str, Any] = {
        "steps": len(x),
        "batch": x.shape[1],
        "x_shape": x.shape[2:],
        "costs": COSTS,
    }
    return rb.plan(model, loss, budget=budget, backend=backend, **how)


def least_of(case: Any, backend: str) -> int:
    with pytest.raises(rb.BudgetError, match="are enough") as caught:
        planned(case, backend, 100)
    assert caught.value.least is not None
    return caught.value.least


@pytest.mark.long
@pytest.mark.one_in(9, "build")
@pytest.mark.parametrize("share", [1.0, pytest.param(1.15, marks=pytest.mark.grid), 1.8])
@pytest.mark.parametrize("build", [tiny, letters, deep, opaque, large])
@pytest.mark.parametrize("backend", BACKENDS)
def test_no_budget_is_exceeded(backend: str, build: Any, share: float) -> None:
    case = build()
    budget = int(share * least_of(case, backend))
    plan = planned(case, backend, budget)
    peak, stats = traced(*case, checkpoint=plan, backend=backend)
    assert peak <= budget, f"tracemalloc {peak}, budget {budget}, {plan.chosen}"
    assert stats.peak_bytes + stats.object_bytes <= plan.chosen.bytes <= budget - SPARE


@pytest.mark.long
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_least_is_what_a_small_model_holds(backend: str) -> None:
    """Python's objects are counted as they are estimated, with no more than the margin left free."""
    case = deep()
    least = least_of(case, backend)
    forecast = planned(case, backend, least).forecast
    assert least <= forecast.peak_bytes + forecast.object_bytes + 1.3 * SPARE
