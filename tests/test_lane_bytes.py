"""Bytes of stacks whose layers may be lanes: the forecast is the ledger, and what tracemalloc sees."""

from __future__ import annotations

from functools import partial

import pytest

import rnnbp as rb
from tests.helpers import UseThreads, reals
from tests.traced_runs import MSE, off

pytest.importorskip("llvmlite")


def stack(layers: int) -> rb.Sequential:
    return rb.Sequential(*[rb.LSTM(48, 48, rng=k) for k in range(layers)], rb.Dense(48, 16, rng=9))


@pytest.mark.one_in(4)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("layers", "batch", "checkpoint"), [(2, 4, "all"), (3, 8, "sqrt"), (4, 4, "all")]
)
def test_forecast_ledger_and_tracemalloc(
    layers: int,
    batch: int,
    checkpoint: str,
    threads: int,
    monkeypatch: pytest.MonkeyPatch,
    use_threads: UseThreads,
) -> None:
    monkeypatch.setattr("rnnbp.runners.llvm.sharing.WAKING", 1)
    use_threads(threads)
    steps, run = 400, {"checkpoint": checkpoint, "backend": "llvm"}
    x, target = (reals(steps, batch, n, dtype="float32") for n in (48, 16))
    model = stack(layers)
    assert not off(lambda: rb.bptt(model, x, target, MSE, **run))
    expected = rb.forecast(model, MSE, steps=steps, batch=batch, x_shape=(48,), **run)
    assert rb.bptt(model, x, target, MSE, **run).stats.peak_bytes == expected.peak_bytes


@pytest.mark.long
def test_a_budget_holds_with_lanes(
    monkeypatch: pytest.MonkeyPatch, use_threads: UseThreads
) -> None:
    monkeypatch.setattr("rnnbp.runners.llvm.sharing.WAKING", 1)
    use_threads(2)
    x, target, budget = (
        reals(400, 4, 48, dtype="float32"),
        reals(400, 4, 16, dtype="float32"),
        2 * 10**6,
    )
    run = partial(rb.bptt, stack(2), x, target, MSE, checkpoint=budget, backend="llvm")
    assert not off(run)
    assert run().stats.peak_bytes <= budget


def test_a_plan_says_how_many_rounds_there_are() -> None:
    kinds = ("Advance", "Keep", "Record", "Rebuild", "Backward")
    costs = rb.Costs(dict.fromkeys(kinds, 1e-5), dict.fromkeys(kinds, 1e-6))
    how = {"steps": 320, "batch": 4, "budget": 5 * 10**6, "costs": costs, "backend": "llvm"}
    plan = rb.plan(stack(2), MSE, **how)
    row = plan.forecast.chunks - 1  # the first to go backward runs by itself
    said = f"{row + 1} rounds in place of {2 * row} where {row} chunks in a row"
    assert said in " ".join(str(plan).split())
