"""Budgets of training: every window served, nothing useless kept, each shape planned once."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.planning.costs import Costs
from rnnbp.support.memo import Recent
from rnnbp.support.prepared import prepared
from rnnbp.train import Batch

pytestmark = pytest.mark.long

known_plans = import_module("rnnbp.bptt.known_plans")
MSE, CE = rb.losses.MeanSquaredError(), rb.losses.CrossEntropy()
STEP = {"Advance": 1.0, "Keep": 1.1, "Record": 1.2, "Rebuild": 0.7, "Backward": 2.0}
COSTS = Costs(dict.fromkeys(STEP, 0.5), STEP)


class Shapes:
    """Batches of these shapes (T, B), in turn."""

    def __init__(self, *shapes: tuple[int, int]) -> None:
        self.shapes, self.batches_per_epoch = shapes, len(shapes)

    def batch(self, epoch: int, index: int) -> Batch:
        x = np.random.default_rng(index).normal(size=(*self.shapes[index], 8)).astype(np.float32)
        return Batch(x, x[..., :1], None, fresh=True)


def regressor() -> rb.Sequential:
    return rb.Sequential(rb.LSTM(8, 16, rng=0), rb.Dense(16, 1, rng=1))


@pytest.mark.parametrize("planned_dx", [True, False])
def test_training_keeps_no_gradient_by_x(planned_dx: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under any checkpoint; and a plan, with the gradient by x or without, is taken."""
    seen: list[Any] = []
    updates, real = import_module("rnnbp.train.batch_runs"), rb.bptt

    def noted(*args: Any, **options: Any) -> Any:
        seen.append(real(*args, **options))
        return seen[-1]

    monkeypatch.setattr(updates, "bptt", noted)
    model = regressor()
    plan = rb.plan(model, MSE, steps=400, batch=4, budget="1.5 MB", dx=planned_dx, costs=COSTS)
    for checkpoint in ("all", "1.5 MB", plan):
        rb.fit(model, Shapes((400, 4)), MSE, "sgd", steps=1, checkpoint=checkpoint)
    assert [found.dx for found in seen] == [None] * 3
    assert all(found.stats.peak_bytes <= 1_500_000 for found in seen[1:])


def test_a_budget_that_does_for_a_plan_without_dx_does_for_training() -> None:
    model, steps = rb.Sequential(rb.LSTM(64, 8, rng=0), rb.Dense(8, 1, rng=1)), 1000
    data = rb.Sequences(
        np.zeros((8, steps, 64), np.float32), np.zeros((8, steps, 1), np.float32), batch_size=8
    )
    with pytest.raises(rb.BudgetError, match="are enough"):
        rb.plan(
            model, MSE, steps=steps, batch=8, budget="1.5 MB", costs=COSTS
        )  # its gradient by x is 2 MB
    plan = rb.plan(model, MSE, steps=steps, batch=8, budget="1.5 MB", dx=False, costs=COSTS)
    for checkpoint in (plan, "1.5 MB"):
        assert rb.fit(model, data, MSE, "sgd", steps=1, checkpoint=checkpoint).reason == "finished"


SHORT: dict[str, Callable[[Any], dict[str, Any]]] = {
    "a plan": lambda plan: {"checkpoint": plan},
    "a schedule": lambda plan: {"checkpoint": rb.schedules.Revolve(2, 1), "chunk": 32},
    "every chunk": lambda plan: {"checkpoint": rb.schedules.EveryK(2, 1), "chunk": 32},
    "in two tiers": lambda plan: {"checkpoint": rb.schedules.Multistage(2, 1, 1), "chunk": 32},
    "a list": lambda plan: {"checkpoint": list(rb.schedules.Revolve(2, 1)), "chunk": 32},
    "thin tapes listed": lambda plan: {"checkpoint": list(rb.schedules.ThinTapes(2)), "chunk": 32},
    "a budget": lambda plan: {"checkpoint": "900 kB"},
}


@pytest.mark.parametrize("how", SHORT)
def test_the_short_window_at_an_epoch_s_end_is_served(how: str) -> None:
    """Three windows of 64 steps and one of 10, twice; the same numbers as under full caching."""
    text = np.random.default_rng(0).integers(0, 9, 809)
    data = rb.Windows.next_symbol(text, horizon=64, batch_size=4)

    def trained(make: Callable[[Any], dict[str, Any]]) -> rb.History:
        blocks = rb.Embedding(9, 8, rng=0), rb.LSTM(8, 16, rng=1), rb.Dense(16, 9, rng=2)
        model = rb.Sequential(*blocks)
        plan = rb.plan(model, CE, steps=64, batch=4, budget="900 kB", x_shape=(), costs=COSTS)
        return rb.fit(model, data, CE, "adam", epochs=2, **make(plan))

    found = trained(SHORT[how])
    assert found.steps == 8
    np.testing.assert_allclose(
        found.losses, trained(lambda _: {"checkpoint": "all"}).losses, rtol=1e-5
    )


@pytest.mark.parametrize("chunks", [1, 2, 5, 7])
@pytest.mark.parametrize(
    "schedule",
    [
        rb.schedules.Revolve(5, 2),
        rb.schedules.Sqrt(5),
        rb.schedules.Optimal(5, 3, 2),
        rb.schedules.ThinTapes(5, 2),
    ],
)
def test_a_schedule_of_one_number_of_chunks_serves_others(schedule: Any, chunks: int) -> None:
    assert rb.simulate(rb.schedules.resized(schedule, chunks), chunks).counts["Backward"] == chunks
    fewer = rb.schedules.resized(list(schedule), min(chunks, 5))
    assert rb.simulate(fewer, min(chunks, 5)).counts["Backward"] == min(chunks, 5)


def test_each_shape_is_planned_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of lengths and batches that come in turn; a plan lives no longer than its model."""
    seen, choose = list[int](), known_plans.choose

    def noted(sizes: Any, steps: int, *more: Any) -> Any:
        seen.append(steps)
        return choose(sizes, steps, *more)

    monkeypatch.setattr(known_plans, "choose", noted)
    monkeypatch.setattr(known_plans, "measured_for", lambda *_: COSTS)
    model, shapes = regressor(), [(50, 2), (70, 2), (50, 3), (90, 2)]
    rb.fit(model, Shapes(*shapes), MSE, "sgd", epochs=3, checkpoint="2 MB")
    assert seen == [50, 70, 50, 90]
    known = weakref.ref(prepared(model))
    del model
    gc.collect()
    assert known() is None


def test_a_layer_that_changes_is_planned_for_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    planned: list[int] = []
    monkeypatch.setattr(known_plans, "measured_for", lambda *_: planned.append(1) or COSTS)  # type: ignore[func-returns-value]
    model, x = (
        rb.Sequential(rb.LSTM(8, 16, rng=0), rb.Dropout(0.0), rb.Dense(16, 1, rng=1)),
        np.zeros((60, 4, 8), "f4"),
    )
    rb.bptt(model, x, x[..., :1], MSE, checkpoint="2 MB")
    rb.bptt(model, x, x[..., :1], MSE, checkpoint="2 MB")
    assert len(planned) == 1
    model.layers[1].set(p=0.5)
    rb.bptt(model, x, x[..., :1], MSE, checkpoint="2 MB")
    assert len(planned) == 2


def test_what_is_remembered_is_bounded() -> None:
    known: Recent[int, str] = Recent(3)
    made: list[int] = []
    for k in (1, 2, 3, 1, 4, 1, 2):
        assert known.get(k, lambda k=k: made.append(k) or str(k)) == str(k)  # type: ignore[func-returns-value, misc]
    assert made == [1, 2, 3, 4, 1, 2], "the first that came goes"
    assert len(known) == 3


@pytest.mark.parametrize("backend", ["interpreter", "numpy", None])
def test_ever_new_shapes_take_no_more_memory(backend: str | None) -> None:
    model = rb.Sequential(rb.RNN(3, 4, rng=0), rb.Dense(4, 2, rng=1))

    def run(shapes: range) -> None:
        for k in shapes:
            x = np.zeros((1 + k % 3, 1 + k, 3), np.float32)
            rb.bptt(model, x, x[..., :2], MSE, backend=backend)
            rb.predict(model, x)

    run(range(20))
    gc.collect()
    tracemalloc.start()
    try:
        run(range(20, 45))
        gc.collect()
        first = tracemalloc.get_traced_memory()[0]
        run(range(45, 100))
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - first < 40 * 1024
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("optimizer", [1e-3, rb.optim.Adam])
def test_an_optimizer_that_is_none(optimizer: Any) -> None:
    model = rb.LSTM(2, 3)
    with pytest.raises(
        TypeError, match=r"plan: optimizer must be one of rnnbp\.optim, found .*; as Adam\(model\)"
    ):
        rb.plan(
            model,
            rb.losses.MeanSquaredError(),
            steps=4,
            batch=2,
            budget="1 MB",
            optimizer=optimizer,
        )
