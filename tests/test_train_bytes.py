"""A budget of training bounds gradients, tapes, the optimiser, the best parameters, files."""

from __future__ import annotations

import gc
import tracemalloc
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.planning.choice import check
from rnnbp.planning.costs import Costs

pytestmark = pytest.mark.long

MSE = rb.losses.MeanSquaredError()
STEP = {"Advance": 1.0, "Keep": 1.1, "Record": 1.2, "Rebuild": 0.7, "Backward": 2.0}
COSTS = Costs(dict.fromkeys(STEP, 0.5), STEP)
STEPS = 60


def large() -> rb.Sequential:
    return rb.Sequential(
        rb.RNN(4, 250, rng=0), rb.Dense(250, 1000, rng=1), rb.Tanh(), rb.Dense(1000, 1, rng=2)
    )


def data() -> rb.Sequences:
    x = np.random.default_rng(0).normal(size=(4, STEPS, 4)).astype(np.float32)
    return rb.Sequences(x, x[..., :1].copy(), batch_size=2)


def least_of(model: Any, optimizer: Any, **options: Any) -> int:
    trainer = rb.Trainer(model, optimizer, MSE, checkpoint="10 kB", **options)
    with pytest.raises(
        rb.BudgetError, match=r"bytes are enough, .* the optimiser's state takes"
    ) as caught:
        trainer.fit(data(), steps=1)
    assert caught.value.least is not None
    assert caught.value.__suppress_context__  # of the budget that is left for a run
    return caught.value.least


@pytest.fixture(autouse=True)
def _given_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        import_module("rnnbp.bptt.known_plans"),
        "measured_for",
        lambda *given: check(*given) or COSTS,
    )


@pytest.mark.parametrize(("rule", "validated"), [(rb.optim.Adam, True), (rb.optim.SGD, False)])
def test_the_least_budget_of_training_is_kept(rule: Any, validated: bool, tmp_path: Path) -> None:
    """By tracemalloc over the whole loop: updates, validation, snapshots, the best parameters."""
    more: dict[str, Any] = {"validation": data(), "validate_every": 1} if validated else {}
    model = large()
    optimizer = rule(model)
    budget = least_of(model, optimizer, **more)
    trainer = rb.Trainer(
        model,
        optimizer,
        MSE,
        folder=tmp_path / "run",
        snapshot_every=1,
        checkpoint=budget,
        progress=False,
        **more,
    )
    trainer.fit(data(), steps=2)  # what is compiled and imported is none of the arrays
    assert bool(trainer.at.best_weights) == validated  # which are copied anew, and traced then
    rb.release_memory()
    gc.collect()
    tracemalloc.start()
    try:
        assert trainer.fit(data(), until_steps=4).steps == 4
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 0.8 * budget <= optimizer.nbytes + peak <= budget


def test_a_plan_with_an_optimizer_says_what_training_needs() -> None:
    model = large()
    optimizer = rb.optim.Adam(model)
    least = least_of(model, optimizer)
    options: dict[str, Any] = {"steps": STEPS, "batch": 2, "dx": False, "costs": COSTS}
    with pytest.raises(
        rb.BudgetError,
        match=rf"; {least:,} bytes are enough, .*state takes .* \({optimizer.nbytes:,} bytes\);",
    ):
        rb.plan(model, MSE, budget=least - 1, optimizer=optimizer, **options)
    plan = rb.plan(model, MSE, budget=least, optimizer=optimizer, **options)
    assert plan.forecast.peak_bytes + optimizer.nbytes <= least
    assert rb.fit(model, data(), MSE, optimizer, steps=1, checkpoint=plan).reason == "finished"
