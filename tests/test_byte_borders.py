"""Bytes of models of every kind.

What is declared is what tracemalloc finds, and a budget is never exceeded.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.byte_models import Case, draw
from tests.schedule_checks import figures

pytestmark = pytest.mark.long

MSE = rb.losses.MeanSquaredError()
B, T = 512, 8


def parallel() -> Any:
    x = rb.Input(8)
    a, b = (rb.RNN(8, 64, rng=k)(x) for k in range(2))
    return rb.Graph(x, rb.Dense(128, 5, rng=2)(rb.Concat(64, 64)(a, b)))


def split() -> Any:
    x = rb.Input(8)
    a, b = rb.Split(3, 5)(rb.Dense(8, 8, rng=0)(x))
    return rb.Graph(
        x, rb.Dense((32, 32), 5, rng=3)(rb.GRU(3, 32, rng=1)(a), rb.LSTM(5, 32, rng=2)(b))
    )


def added() -> Any:
    x = rb.Input(8)
    a, b, c = (rb.LSTM(8, 32, rng=k)(x) for k in range(3))
    return rb.Graph(x, rb.Dense(16, 5, rng=4)(rb.Slice(32, 16, 32)(rb.Add(3)(a, b, c))))


def in_sequence() -> Any:
    return rb.Sequential(rb.RNN(8, 64, rng=0), rb.RNN(64, 64, rng=1), rb.Dense(64, 5, rng=2))


MODELS: dict[str, Callable[[], Any]] = {
    f.__name__: f for f in (parallel, split, added, in_sequence)
}


def peak(run: Callable[[], Any]) -> int:
    """The most bytes of a run, by tracemalloc; it has been run before."""
    rb.release_memory()
    gc.collect()
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def excess(case: Case, small: Case, backend: str | None) -> tuple[int, int, int]:
    """(what tracemalloc finds above the ledger, tracemalloc's peak, the ledger's).

    Python's own objects are left out: they are what it finds above the ledger of the same run on few sequences.
    """
    found = []
    for given in (case, small):

        def run(given: Case = given) -> Any:
            return rb.bptt(
                given.model, given.x, given.target, given.loss, backend=backend, **given.run
            )

        ledger = run().stats.peak_bytes
        found.append((peak(run), ledger))
    (traced, ledger), (little, own) = found
    return (traced - ledger) - (little - own), traced, ledger


def of(model: str, batch: int, **run: Any) -> Case:
    x, target = (np.zeros((T, batch, n), np.float32) for n in (8, 5))
    return Case(MODELS[model](), x, target, MSE, run, model)


@pytest.mark.parametrize(("batch", "chunk", "checkpoint"), [(B, T, "all"), (4096, 1, "sqrt")])
@pytest.mark.parametrize("model", MODELS)
def test_the_ledger_is_tracemalloc_s_for_branches_and_large_batches(
    model: str, checkpoint: str, batch: int, chunk: int
) -> None:
    run = {"checkpoint": checkpoint, "chunk": chunk}
    more, traced, ledger = excess(of(model, batch, **run), of(model, 1, **run), None)
    assert abs(more) <= max(0.01 * traced, 64 * 1024), f"tracemalloc {traced}, ledger {ledger}"
    expected = rb.forecast(MODELS[model](), MSE, steps=T, batch=batch, **run)
    case = of(model, batch, **run)
    stats = rb.bptt(case.model, case.x, case.target, MSE, **run).stats
    assert {name: getattr(stats, name) for name in figures(expected)} == figures(expected)


@pytest.mark.parametrize("model", ["parallel", "split"])
def test_a_budget_of_branches_is_kept(model: str) -> None:
    case = of(model, B)
    with pytest.raises(rb.BudgetError) as caught:
        rb.bptt(case.model, case.x, case.target, MSE, checkpoint="1 kB")
    budget = caught.value.least
    assert budget is not None
    plan = rb.plan(case.model, MSE, steps=T, batch=B, budget=budget)

    def run() -> Any:
        return rb.bptt(case.model, case.x, case.target, MSE, checkpoint=plan)

    run()
    assert peak(run) <= budget


@pytest.mark.parametrize("backend", [None, "numpy"])
@pytest.mark.parametrize("seed", [3, 13, 31])
def test_random_models_declare_what_they_take(seed: int, backend: str | None) -> None:
    case = draw(seed)
    more, traced, ledger = excess(case, draw(seed, large=0), backend)
    assert more <= max(0.01 * traced, 64 * 1024), (
        f"{case.words}: tracemalloc {traced}, ledger {ledger}"
    )
    model, x, dtype = case.model, case.x, case.model.dtype
    plain = replace(
        case, x=x.astype(dtype) if x.dtype.kind == "f" else x, run=case.run | {"mask": None}
    )
    stats = rb.bptt(model, plain.x, plain.target, plain.loss, backend=backend, **plain.run).stats
    run = {name: value for name, value in plain.run.items() if name != "mask"}
    steps, batch = x.shape[:2]
    told = rb.forecast(
        model, case.loss, steps=steps, batch=batch, x_shape=x.shape[2:], backend=backend, **run
    )
    assert {name: getattr(stats, name) for name in figures(told)} == figures(told)
