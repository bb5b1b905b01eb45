"""What a notebook shows of a result: a few lines, at once, without elements of arrays."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.support import reprs
from rnnbp.train import Batch

X, Y = np.ones((40, 2, 3), np.float32), np.zeros((40, 2, 4), np.float32)
LOSS = rb.losses.MeanSquaredError()
KINDS = ("Advance", "Keep", "Record", "Rebuild", "Backward")
COSTS = rb.Costs(dict.fromkeys(KINDS, 1e-4), dict.fromkeys(KINDS, 1e-6))


def lines(*texts: str) -> str:
    return "\n".join(texts)


def test_history() -> None:
    found = rb.History([1.5, math.nan, 0.25], [2.0, 0.5], [1, 3], 0.5, 3, "early stopping", 61.25)
    found.metrics = {"accuracy": [0.5, 0.75, 0.875], "validation_accuracy": [0.5, 0.625]}
    assert repr(found) == lines(
        "History: 3 steps in 61.25 s, early stopping",
        "  losses             1.5 at first, 0.25 at last",
        "  validation_losses  2 at first, 0.5 at last; best_loss 0.5 at step 3",
        "  metrics            accuracy 0.875, validation_accuracy 0.625 at last",
        "  skipped            1",
    )


def test_parameters_and_their_gradients() -> None:
    model = rb.Sequential(*[rb.Dense(3, 3, name=f"layer{k}") for k in range(3)], rb.Dense(3, 4))
    head = lines(
        "layer0.weight  (3, 3) float32", "  layer0.bias    (3,) float32", "  layer1.weight"
    )
    assert repr(model.params).startswith(f"Parameters: 8 arrays\n  {head}")
    assert repr(model.params).count("\n") == 8
    assert f"8 arrays\n  {head}" in repr(rb.bptt(model, X, Y, LOSS).grads)
    many = rb.Sequential(*[rb.Dense(3, 3, name=f"layer{k}") for k in range(60)])
    assert repr(many.params).count("\n") == 25
    assert repr(many.params).endswith("\n  ...             96 more")
    assert dict(model.params).keys() == model.params.keys()


def test_history_without_validation_and_before_training() -> None:
    assert (
        repr(rb.History([1.5], reason="finished"))
        == "History: 1 step in 0 s, finished\n  losses  1.5"
    )
    assert repr(rb.History()) == "History: 0 steps in 0 s, going on"


def test_gradients() -> None:
    model = rb.Sequential(rb.LSTM(3, 5, rng=0), rb.Dense(5, 4, rng=1))
    found = rb.bptt(model, X, Y, LOSS, chunk=10, checkpoint="sqrt")
    stats = found.stats
    assert repr(found) == lines(
        f"Gradients: loss {found.loss:.4g}",
        "  grads  0.weight_ih (20, 3), 0.bias_ih (20,), 0.weight_hh (20, 5), 3 more; 896 B of "
        "float32",
        "  dx     (40, 2, 3) float32",
        "  state  (2, 5), (2, 5)",
        f"  stats  peak {stats.peak_bytes / 1000:.3g} kB, {stats.seconds:.3g} s, 20 of 60 steps "
        "run again",
    )


def test_gradients_of_a_model_without_parameters_or_state() -> None:
    found = rb.bptt(
        rb.Tanh(), X.astype(np.float64), None, lambda y, _: (y.sum(), y), return_y=True, dx=False
    )
    assert repr(found).splitlines()[1:-1] == ["  y      (40, 2, 3) float64"]


def test_gradients_of_sequences_whose_state_is_lost() -> None:
    x = X.copy()
    x[30:, 1] = np.nan
    mask = np.isfinite(x[..., 0])
    found = rb.bptt(rb.LSTM(3, 4), x, Y, LOSS, mask=mask)
    assert "  lost   the states of sequences 1\n" in repr(found)


@pytest.mark.parametrize("name", ["Stats", "Forecast"])
def test_costs_of_a_run(name: str) -> None:
    model, how = rb.LSTM(3, 4), {"chunk": 10, "checkpoint": "sqrt"}
    stats = rb.bptt(model, X, Y, LOSS, **how).stats
    forecast = rb.forecast(model, LOSS, steps=40, batch=2, costs=COSTS, **how)
    found: Any = {"Stats": stats, "Forecast": forecast}[name]
    first, _, _, *rest = repr(found).splitlines()
    assert first == f"{name}: peak_bytes {stats.peak_bytes:,}, {found.seconds:.3g} s"
    assert rest == [
        "  steps    60 run, 20 of them again, 0 rebuilt; in 4 chunks",
        "  held     1 checkpoint, 2 tapes at most",
    ]


def test_a_plan_of_very_many_chunks_is_shown_at_once() -> None:
    plan = rb.plan(rb.LSTM(3, 4, rng=0), LOSS, steps=10**6, batch=2, budget="40 MB", costs=COSTS)
    first, *_ = repr(plan).splitlines()
    assert first == f"Plan: {plan.chosen.name}, chunks of {plan.chunk:,} of 1,000,000 steps"
    assert "forecast" not in vars(plan)  # which goes through all chunks
    assert len(repr(plan).splitlines()) == 4
    assert " of 40 MB\n" in repr(plan)


def test_sequences() -> None:
    x, y = X.swapaxes(0, 1), np.zeros(2, int)
    found = rb.Sequences(x, y, last=True, mask=np.ones((2, 40), bool), batch_size=1, shuffle=False)
    assert repr(found) == lines(
        "Sequences: 2 sequences of 40 steps, a target for the last step of each",
        "  batches  2 batches of 1, in their order",
        "  x        (2, 40, 3) float32",
        "  target   (2,) int64",
        "  mask     (2, 40) bool",
    )


def test_examples_and_windows() -> None:
    assert repr(rb.Examples(X[:, 0], None, batch_size=64, seed=3)) == lines(
        "Examples: 40 examples",
        "  batches  1 batch of 64, shuffled in each epoch, seed 3",
        "  x        (40, 3) float32",
    )
    assert repr(rb.Windows(X[:, 0], Y[:, 0], horizon=6, batch_size=2)) == lines(
        "Windows: a stream of 40 steps, 4 windows of 6 steps in 2 lanes",
        "  x       (40, 3) float32",
        "  target  (40, 4) float32",
    )
    assert repr(rb.Windows([X[:, 0], X[:9, 0]], None, horizon=50, batch_size=1)) == lines(
        "Windows: 2 recordings of 49 steps in all, 2 windows of 50 steps in 1 lane",
        "  x  2 of (40, 3) float32",
    )


@pytest.mark.parametrize(
    ("given", "options", "expected"),
    [
        ([(X, Y)] * 3, {}, "Batches: 3 in an epoch\n  batches  list of 3"),
        (
            ((X, Y) for _ in "ab"),
            {"last": True},
            "Batches: as many as come, last=True\n  batches  <genexpr>",
        ),
        (lambda epoch: [], {}, "Batches: as many as come\n  batches  <lambda>, a function"),
    ],
)
def test_batches(given: Any, options: Any, expected: str) -> None:
    assert repr(rb.Batches(given, **options)) == expected


def test_a_batch() -> None:
    assert repr(Batch(X, Y)) == "Batch: x (40, 2, 3) float32, target (40, 2, 4) float32, fresh=True"
    assert repr(Batch(iter([X]), None, X[..., 0], False)) == (  # type: ignore[arg-type]
        "Batch: x list_iterator, mask (40, 2) float32, fresh=False"
    )


@pytest.mark.quick
def test_a_trainer() -> None:
    model, data = rb.Sequential(rb.LSTM(3, 4)), rb.Sequences(X.copy(), Y.copy(), batch_size=20)
    trainer = rb.Trainer(model, rb.optim.SGD(model, 0.25), LOSS, validation=data)
    trainer.fit(data, epochs=1)
    assert repr(trainer) == lines(
        "Trainer: 2 steps done, 1 epoch",
        "  model       144 parameters, Sequential(LSTM(3, 4))",
        f"  optimizer   {trainer.optimizer}",
        "  loss        MeanSquaredError()",
        "  validation  Sequences: 40 sequences of 2 steps",
    )
    assert repr(trainer.at) == "Standing: 2 steps done, at batch 0 of epoch 1"


def test_used() -> None:
    with rb.memory.measure() as used:
        assert repr(used) == "Used: being measured; its figures are known after the block"
    used.peak_bytes, used.kept_bytes, used.high_water_bytes = 1_234_567, -890, None
    assert repr(used) == "Used: peak 1.23 MB, kept -890 B, high water not known"


def test_a_comparison() -> None:
    how: Any = {"shares": (100,), "schedules": ("all", "sqrt"), "repeats": 1, "chunk": 10}
    found = rb.compare.sweep(rb.LSTM(3, 4), X, Y, LOSS, **how)
    first, second, third = repr(found).splitlines()
    assert repr(found.rows[1]).startswith("Row: sqrt k=2, chunks of 10, ")
    assert repr(found.rows[1].choice) == "Choice: sqrt k=2, 13 actions, chunks of 10"
    assert first == "Comparison: 2 rows, 0 left out; print(comparison) shows them"
    assert second == "  schedules     all, sqrt"
    assert third.endswith(" s, 40 steps")


def test_a_timeline() -> None:
    drawn = rb.compare.timeline(rb.schedules.All(3), steps=6, chunk=2)
    assert repr(drawn) == "Timeline: 2 lines, 3 things held, 12 steps run in all"


def test_an_event() -> None:
    seen: list[str] = []
    model, data = rb.LSTM(3, 4), rb.Sequences(X.copy(), Y.copy(), batch_size=40)
    rb.fit(model, data, LOSS, steps=1, callbacks=[lambda event: seen.append(repr(event))])
    assert seen[0].startswith("Event(kind='step', metrics={'step': 1, ")
    assert "Trainer" not in seen[0]
    assert "\n" not in seen[0]


@pytest.mark.parametrize(
    "kind", [rb.Gradients, rb.History, rb.Plan, rb.Stats, rb.Forecast, rb.Trainer, rb.Sequences]
)
def test_an_object_that_is_not_complete_has_a_repr(kind: type) -> None:
    assert repr(object.__new__(kind)) == f"<{kind.__name__}, incomplete>"


def test_long_texts_are_cut() -> None:
    model = rb.Sequential(*[rb.Dense(1, 1) for _ in range(100)])
    trainer = rb.Trainer(model, rb.optim.SGD(model, 0.1), LOSS)
    assert reprs.WIDTH - 12 < max(map(len, repr(trainer).splitlines())) <= reprs.WIDTH
    assert "Dense(1, 1), ...\n" in repr(trainer)
    grads = rb.bptt(model, X[..., :1], Y[..., :1], LOSS)
    assert (
        "  grads  0.weight (1, 1), 0.bias (1,), 1.weight (1, 1), 1.bias (1,), 196 more; 800 B of "
        "float32" in repr(grads)
    )


def test_equality_and_pickles_are_as_before() -> None:
    history = rb.History([1.0, 2.0], reason="finished")
    assert pickle.loads(pickle.dumps(history)) == history
    forecast = rb.forecast(rb.LSTM(3, 4), LOSS, steps=40, batch=2)
    assert forecast == replace(forecast) != replace(forecast, peak_bytes=1)
