"""A budget or a plan chooses the chunks: what may go with it, and what a refusal says."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.planning.costs import Costs

X = np.random.default_rng(0).normal(size=(192, 2, 3)).astype("float32")
Y = X[..., :1].copy()
MSE = rb.losses.MeanSquaredError()
STEP = {"Advance": 1.0, "Keep": 1.1, "Record": 1.2, "Rebuild": 0.7, "Backward": 2.0}
COSTS = Costs(dict.fromkeys(STEP, 0.5), STEP)
SOURCE = rb.Sequences(X.swapaxes(0, 1), Y.swapaxes(0, 1), batch_size=2)


def model() -> rb.Sequential:
    return rb.Sequential(rb.LSTM(3, 4, rng=0), rb.Dense(4, 1, rng=1))


@cache
def plan() -> rb.Plan:
    """A plan of several chunks."""
    how: dict[str, Any] = {"steps": 192, "batch": 2, "dx": False, "costs": COSTS}
    with pytest.raises(rb.BudgetError) as caught:
        rb.plan(model(), MSE, **how, budget=1)
    assert caught.value.least is not None
    least = caught.value.least
    plans = (rb.plan(model(), MSE, **how, budget=least + 20_000 * n) for n in range(20))
    return next(found for found in plans if 1 < found.chunk < 64)


def bptt(**options: Any) -> rb.Gradients:
    return rb.bptt(model(), X, Y, MSE, dx=False, **options)


def trainer(**options: Any) -> rb.Trainer:
    return rb.Trainer(model(), "adam", MSE, **options)


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "bptt, chunk": (
        lambda: bptt(checkpoint="1 MB", chunk=8),
        "found chunk=8; leave it out: rnnbp.plan(..., budget='1 MB').chunk says what is chosen",
    ),
    "bptt, horizon": (
        lambda: bptt(checkpoint="1 MB", horizon=50),
        "gradients flow through all of them, found horizon=50; leave horizon and chunk out, or run "
        "50 steps at a time: fit by rnnbp.Windows(x, target, horizon=50, ...), bptt with state=",
    ),
    "bptt, both": (lambda: bptt(checkpoint="1 MB", horizon=50, chunk=10), "found horizon=50"),
    "Trainer": (lambda: trainer(checkpoint="1 MB", chunk=8), "found chunk=8; leave it out"),
    "fit": (
        lambda: rb.fit(model(), SOURCE, MSE, epochs=1, checkpoint=10**6, chunk=8),
        "found chunk=8; leave it out: rnnbp.plan(..., budget=1000000).chunk",
    ),
    "a plan, horizon": (
        lambda: bptt(checkpoint=plan(), horizon=plan().chunk * 3 // 2),
        "which would cut one; give a multiple, or plan for steps=",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_budget_chooses_is_not_passed_too(case: str) -> None:
    call, text = REFUSED[case]
    with pytest.raises(rb.BudgetError) as caught:
        call()
    assert text in str(caught.value)


def test_a_setting_that_does_not_go_with_the_budget_is_refused_at_once() -> None:
    run = trainer(chunk=8)
    with pytest.raises(rb.BudgetError, match="found chunk=8"):
        run.checkpoint = "1 MB"
    run.chunk = None
    run.checkpoint = "1 MB"
    assert run.fit(SOURCE, epochs=1).steps == 1


def test_a_horizon_of_numpys_is_an_integer_and_true_is_none() -> None:
    with pytest.raises(rb.BudgetError, match="which would cut one"):
        bptt(checkpoint=plan(), horizon=np.int64(plan().chunk + 1))
    with pytest.raises(TypeError, match="horizon"):
        bptt(checkpoint=plan(), horizon=True)


def test_a_horizon_of_several_chunks_of_a_plan() -> None:
    chunk = plan().chunk
    short = bptt(checkpoint=plan(), horizon=2 * chunk)
    plain = bptt(horizon=2 * chunk, chunk=chunk)
    for name, gradient in plain.grads.items():
        np.testing.assert_array_equal(gradient, short.grads[name])
    peak = rb.forecast(model(), MSE, steps=192, batch=2, checkpoint=plan(), horizon=2 * chunk)
    assert peak.peak_bytes == short.stats.peak_bytes


OPTIONS: dict[str, tuple[Callable[[], object], str]] = {
    "plan, chunk": (
        lambda: rb.plan(model(), MSE, steps=9, batch=2, budget="1 MB", chunk=8),  # type: ignore[call-arg]
        r"chunk=8 is for networks over time; .* the plan chooses it, and plan\(...\).chunk says which",
    ),
    "plan, horizon": (
        lambda: rb.plan(model(), MSE, steps=9, batch=2, budget="1 MB", horizon=8),  # type: ignore[call-arg]
        r"unknown option 'horizon'; .* plan the steps of a window, .* rnnbp.Windows\(x, target",
    ),
    "predict": (
        lambda: rb.predict(model(), X, checkpoint="1 MB"),  # type: ignore[call-overload]
        "unknown option 'checkpoint'; nothing is kept for a way back",
    ),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_options_that_are_elsewhere(case: str) -> None:
    call, text = OPTIONS[case]
    with pytest.raises(TypeError, match=text):
        call()
