"""Sequences of more steps than could ever be run, as ``np.broadcast_to`` makes them of nothing."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.planning.costs import Costs

MSE, CE = rb.losses.MeanSquaredError(), rb.losses.CrossEntropy()
STEP = {"Advance": 1.0, "Keep": 1.1, "Record": 1.2, "Rebuild": 0.7, "Backward": 2.0}
COSTS = Costs(dict.fromkeys(STEP, 0.5), STEP)
N = 2**55


def model() -> rb.Sequential:
    return rb.Sequential(rb.RNN(2, 3, rng=0), rb.Dense(3, 1, rng=1))


def long(*shape: int) -> np.ndarray:
    return np.broadcast_to(np.float32(0), shape)


def symbols() -> rb.Sequential:
    return rb.Sequential(rb.Embedding(5, 2, rng=0), rb.RNN(2, 3, rng=1), rb.Dense(3, 5, rng=2))


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "all kept": (
        lambda: rb.bptt(model(), long(N, 1, 2), long(N, 1, 1), MSE),
        "the gradient by x would take",
    ),
    "all kept but dx": (
        lambda: rb.bptt(model(), long(N, 1, 2), long(N, 1, 1), MSE, dx=False),
        "the states of all steps would take .*'sqrt'",
    ),
    "a budget and dx": (
        lambda: rb.bptt(model(), long(N, 1, 2), long(N, 1, 1), MSE, checkpoint="64 MB"),
        "the gradient by x would take .* dx=False",
    ),
    "a batch": (
        lambda: rb.bptt(model(), long(2, N, 2), long(2, N, 1), MSE, checkpoint="sqrt", dx=False),
        "the state would take .* smaller batch",
    ),
    "symbols": (
        lambda: rb.bptt(symbols(), np.broadcast_to(0, (N, 1)), np.broadcast_to(0, (N, 1)), CE),
        "the states of all steps",
    ),
    "predict": (lambda: rb.predict(model(), long(N, 1, 2)), "the outputs of all steps"),
    "backprop": (
        lambda: rb.backprop(rb.Dense(2, 1, rng=0), long(N, 2), long(N, 1), MSE),
        "the gradient by x",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_memory_holds_is_refused_before_it_is_looked_at(case: str) -> None:
    run, message = REFUSED[case]
    with pytest.raises(MemoryError, match=message):
        run()


@pytest.mark.long
@pytest.mark.parametrize("steps", [10**12, 2**62])
def test_any_length_is_planned(steps: int) -> None:
    plan = rb.plan(model(), MSE, steps=steps, batch=2, budget="1 MB", dx=False, costs=COSTS)
    assert plan.chosen.bytes <= 10**6
    with pytest.raises(rb.BudgetError, match=r"; [\d,]{17,} bytes are enough"):
        rb.plan(model(), MSE, steps=steps, batch=2, budget="1 MB", costs=COSTS)


def test_a_forecast_of_too_many_chunks_says_so() -> None:
    with pytest.raises(ValueError, match="31,250,000,000 chunks of 32 steps are too many"):
        rb.forecast(model(), MSE, steps=10**12, batch=2, chunk=32)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers on this system")
def test_a_run_without_end_can_be_interrupted() -> None:
    def ring(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, ring)
    try:
        for run in (rb.bptt, rb.evaluate):
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            more = {"checkpoint": "1 MB", "dx": False} if run is rb.bptt else {}
            with pytest.raises(KeyboardInterrupt):
                run(model(), long(2**42, 1, 2), long(2**42, 1, 1), MSE, **more)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
