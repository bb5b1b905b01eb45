"""The first run of a model by a Plan is within its budget: compiling belongs to planning."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

MSE = rb.losses.MeanSquaredError()
X = np.random.default_rng(0).normal(size=(60, 4, 3)).astype("float32")
Y = X[..., :1].copy()
BACKENDS = ["numpy", *(["llvm"] if find_spec("llvmlite") else [])]


def leaky() -> rb.Recurrent:
    x, h = rb.Input(3), rb.State(24, "h")
    a = rb.Sigmoid()(rb.Dense(3, 24, rng=1)(x))
    new = a * h + (1 - a) * rb.Tanh()(rb.Dense((3, 24), 24, rng=2)(x, h))
    return rb.Recurrent(rb.Cell(x, {h: new}, output=new))


MODELS: dict[str, Any] = {
    "LSTM": lambda: rb.Sequential(rb.LSTM(3, 32, rng=0), rb.Dense(32, 1, rng=1)),
    "two GRUs": lambda: rb.Sequential(rb.GRU(3, 24, rng=0), rb.GRU(24, 24), rb.Dense(24, 1)),
    "own": lambda: rb.Sequential(leaky(), rb.Dense(24, 1)),
}


@pytest.mark.long
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.one_in(4, "backend")
def test_the_first_run_of_a_plan_is_within_its_budget(name: str, backend: Any) -> None:
    model = MODELS[name]()
    how: dict[str, Any] = {"steps": 60, "batch": 4, "dx": False, "backend": backend}
    with pytest.raises(rb.BudgetError) as small:
        rb.plan(model, MSE, **how, budget=1)
    assert small.value.least is not None
    plan = rb.plan(model, MSE, **how, budget=small.value.least)
    with rb.memory.measure() as used:
        rb.bptt(model, X, Y, MSE, checkpoint=plan, backend=backend)
    assert used.peak_bytes <= plan.budget
