"""Copies and pickles of results, plans, sources, losses and schedules have the same values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.copying import WAYS, ways
from tests.helpers import assert_same_arrays, assert_same_bits, reals
from tests.stepped import GIVEN, arrays, at, copied

X, Y = reals(10, 4, 3, dtype="float32"), reals(10, 4, 2, dtype="float32", seed=1)
LOSS = rb.losses.MeanSquaredError()
KINDS = ("Advance", "Keep", "Record", "Rebuild", "Backward")
COSTS = rb.Costs(dict.fromkeys(KINDS, 1e-4), dict.fromkeys(KINDS, 1e-6))


def over_time() -> rb.Graph:
    x = rb.Input(3)
    y = rb.Bidirectional(rb.GRU(3, 4, rng=1), rb.GRU(3, 4, rng=2))(x)
    return rb.Graph(x, rb.Dense(8, 2, rng=3)(y))


@ways
def test_gradients(way: str) -> None:
    found = rb.bptt(over_time(), X, Y, LOSS, dx=True, chunk=3)
    again = WAYS[way](found)
    assert_same_bits(again, found)
    assert (again.stats, repr(again)) == (found.stats, repr(found))


@ways
def test_history(way: str) -> None:
    data = rb.Sequences(X.swapaxes(0, 1).copy(), Y.swapaxes(0, 1).copy(), batch_size=2)
    options: Any = {"validation": data, "metrics": ["mae"], "progress": False}
    found = rb.fit(over_time(), data, LOSS, epochs=2, **options)
    again = WAYS[way](found)
    assert again == found
    assert (again.best, list(again.metrics)) == (found.best, list(found.metrics))
    assert again.metrics["val_mae"] == found.metrics["val_mae"]  # by the other name too


PLANS: dict[str, Any] = {"over time": over_time, "one direction": lambda: rb.LSTM(3, 2, rng=0)}


@ways
@pytest.mark.parametrize("kind", PLANS)
def test_plans_print_the_same_and_run(kind: str, way: str) -> None:
    model = PLANS[kind]()
    found = rb.plan(model, LOSS, steps=10, batch=4, budget="1 MB", costs=COSTS)
    again = WAYS[way](found)
    assert (str(again), repr(again)) == (str(found), repr(found))
    assert again.forecast == found.forecast
    expected = rb.bptt(model, X, Y, LOSS, checkpoint=found)
    assert_same_bits(rb.bptt(model, X, Y, LOSS, checkpoint=again), expected)


@ways
@pytest.mark.parametrize("name", ["two outputs", "attention: decoder"])
def test_a_stepper_goes_on_from_its_state(name: str, way: str) -> None:
    given = GIVEN[name](3)
    stepper = rb.Stepper(given.model, 3, static=given.static)
    unused = WAYS[way](stepper)
    stepper.step(at(given.x, 0))
    again = WAYS[way](stepper)
    for t in (1, 2):
        expected = arrays(copied(stepper.step(at(given.x, t))))
        assert_same_arrays(arrays(copied(again.step(at(given.x, t)))), expected)
    stepper.reset()
    expected = arrays(copied(stepper.step(at(given.x, 0))))
    assert_same_arrays(arrays(copied(unused.step(at(given.x, 0)))), expected)


@ways
def test_a_stepper_without_parameters_keeps_the_dtype_that_it_saw(way: str) -> None:
    x, h = rb.Input(), rb.State(3)
    stepper = rb.Stepper(rb.Recurrent(rb.Cell(x, {h: h * 0.5 + x}, output=h)))
    stepper.step(reals(1, 3))
    again = WAYS[way](stepper)
    assert_same_arrays(arrays(again.state), arrays(stepper.state))
    assert_same_arrays([again.step(X[0, :1]).copy()], [stepper.step(X[0, :1]).copy()])


SERIES = reals(3, 20, 3, dtype="float32", seed=2)
LABELS = np.arange(9) % 3
SOURCES: dict[str, rb.Source] = {
    "sequences": rb.Sequences(SERIES, SERIES, batch_size=2, seed=1),
    "windows": rb.Windows(SERIES, SERIES, horizon=4, batch_size=2),
    "examples": rb.train.Examples(SERIES[0, :9], LABELS, batch_size=2, seed=4),
    "batches": rb.Batches([(SERIES, SERIES), (SERIES[:1], None)], batch_first=True),
}


@ways
@pytest.mark.parametrize("name", SOURCES)
def test_sources_serve_the_same_batches(name: str, way: str) -> None:
    source = SOURCES[name]
    again = WAYS[way](source)
    for epoch in range(2):
        for k in range(source.batches_per_epoch):
            one, other = again.batch(epoch, k), source.batch(epoch, k)
            assert_same_arrays(
                [one.x, one.target, one.mask, one.fresh],
                [other.x, other.target, other.mask, other.fresh],
            )


LOSSES: dict[str, Any] = {
    "penalised": LOSS + rb.losses.L2(1e-3, "*weight*") + rb.losses.L1(1e-4),
    "huber": rb.losses.Huber(0.3),
    "quantile": rb.losses.Quantile(0.3),
    "by step": rb.losses.PerStep(np.shape),
    "smoothed": rb.losses.CrossEntropy(label_smoothing=0.1),
}
RATES: dict[str, Any] = {
    "warm-up": rb.optim.WarmUp(rb.optim.Cosine(0.1, 20), 6),
    "decay": rb.optim.StepDecay(0.1, 3, 0.5),
}


@ways
@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_what_they_say(name: str, way: str) -> None:
    assert repr(WAYS[way](LOSSES[name])) == repr(LOSSES[name])


@ways
def test_a_loss_has_the_same_values(way: str) -> None:
    model, loss = rb.LSTM(3, 2, rng=0), LOSSES["penalised"]
    assert_same_bits(rb.bptt(model, X, Y, WAYS[way](loss)), rb.bptt(model, X, Y, loss))


@ways
@pytest.mark.parametrize("name", RATES)
def test_learning_rates(name: str, way: str) -> None:
    again = WAYS[way](RATES[name])
    assert [again(k) for k in range(30)] == [RATES[name](k) for k in range(30)]
