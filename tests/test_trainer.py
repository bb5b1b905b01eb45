"""The training loop: against calls by hand and closed forms; clipping, rates, limits."""

from __future__ import annotations

import math

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.rng import fold
from rnnbp.train import Batch, Examples, Trainer, Windows, fit
from tests.trainer_runs import LOSS, Scripted, linear, on, params, pulls, same, slope
from tests.training import TEXT, lines, sequence_run, text_run


@pytest.mark.quick
def test_least_squares():
    """The minimum of a mean of squares is where numpy.linalg.lstsq says."""
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
    model = rb.Sequential(rb.Dense(3, 2, dtype="float64", rng=0))
    history = fit(
        model,
        Examples(x, target, batch_size=40),
        rb.losses.MeanSquaredError(),
        "sgd",
        learning_rate=0.5,
        epochs=400,
    )
    best, residual, *_ = np.linalg.lstsq(np.hstack([x, np.ones((40, 1))]), target, rcond=None)
    np.testing.assert_allclose(model.params["0.weight"], best[:3].T, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(model.params["0.bias"], best[3], rtol=1e-10, atol=1e-12)
    assert history.losses[-1] == pytest.approx(residual.sum() / 80, rel=1e-12)
    assert history.steps == 400
    assert history.reason == "finished"


@pytest.mark.quick
def test_one_step_of_gradient_descent_by_hand():
    model = rb.Sequential(
        rb.Dense(
            1, 1, bias=False, weight_init=lambda rng, shape: np.full(shape, 3.0), dtype="float64"
        )
    )
    x, t = np.array([[1.0], [2.0]]), np.array([[1.0], [1.0]])
    history = fit(
        model,
        Examples(x, t, batch_size=2),
        rb.losses.MeanSquaredError(),
        "sgd",
        learning_rate=0.1,
        steps=1,
    )
    assert history.losses == [((3 - 1) ** 2 + (6 - 1) ** 2) / 2]
    np.testing.assert_allclose(
        model.params["0.weight"], 3 - 0.1 * (2 * 2 * 1 + 2 * 5 * 2) / 2, rtol=1e-15
    )


@pytest.mark.long
def test_a_table_of_logits_reaches_the_conditional_entropy():
    """Of all functions of the symbol alone, the best reaches H(next | symbol) nats."""
    model = rb.Sequential(rb.Embedding(5, 5, dtype="float64", rng=0))
    data = Windows.next_symbol(TEXT, horizon=200, batch_size=1)
    history = fit(model, data, LOSS, "adam", learning_rate=0.1, steps=600)
    counts = np.zeros((5, 5))
    np.add.at(counts, (TEXT[:-1], TEXT[1:]), 1)
    joint, given = counts / counts.sum(), counts / counts.sum(axis=1, keepdims=True)
    entropy = -(joint[joint > 0] * np.log(given[joint > 0])).sum()
    assert history.losses[-1] == pytest.approx(entropy, rel=1e-9)


@pytest.mark.long
def test_memory_that_only_a_carried_state_gives():
    """x at t−3 is the target at t, in windows of 2 steps: only the state carries it."""
    bits = np.random.default_rng(0).integers(0, 2, 803)
    model = rb.Sequential(rb.OneHot(2), rb.GRU(2, 12, rng=0), rb.Dense(12, 2, rng=1))
    options = {"epochs": 12, "learning_rate": 0.01}
    short = fit(
        model, Windows(bits[3:], bits[:-3], horizon=8, batch_size=4), LOSS, "adam", **options
    )
    assert short.losses[-1] < 0.15 < math.log(2)


@pytest.mark.parametrize("checkpoint", ["all", "sqrt"])
def test_windows_are_calls_of_bptt_with_the_state_handed_on(checkpoint):
    trainer, data = text_run(
        validation=None,
        validate_every=None,
        patience=None,
        learning_rate=None,
        checkpoint=checkpoint,
    )
    model, other = text_run()[0].model, text_run()[0].model
    adam, losses, norms = rb.optim.Adam(model), [], []
    for epoch in range(3):
        state = None
        for window in range(4):
            batch, seed = data.batch(0, window), fold(7, 4 * epoch + window)
            result = rb.bptt(model, batch.x, batch.target, LOSS, state=state, chunk=3, seed=seed)
            norms.append(rb.optim.clip_norm(result.grads, 0.15))
            adam.step(result.grads)
            losses.append(result.loss)
            state = result.state
    assert not same(params(trainer), model.params)
    events = []
    trainer.callbacks = (on("step", lambda event: events.append(event.metrics)),)
    history = trainer.fit(data, epochs=3)
    assert same(params(trainer), model.params)
    assert history.losses == losses
    assert [line["grad_norm"] for line in events] == norms
    assert any(norm > 0.15 for norm in norms), "clipping took place"
    assert not same(model.params, other.params)


def test_state_is_not_carried_into_a_fresh_batch():
    """Two epochs of one window each: both start from zeros."""
    model = rb.Sequential(rb.Embedding(5, 3, rng=0), rb.LSTM(3, 4, rng=1), rb.Dense(4, 5, rng=2))
    optimizer = rb.optim.SGD(model, learning_rate=1e-30)
    history = Trainer(model, optimizer, LOSS).fit(
        Windows.next_symbol(TEXT, horizon=200, batch_size=2), epochs=2
    )
    assert history.losses[0] == history.losses[1]


@pytest.mark.parametrize(
    ("options", "moved"),
    [
        ({}, 8.0),
        ({"clip_norm": 2.0}, 2.0),
        ({"clip_value": 3.0}, 3.0),
        ({"clip_value": 3.0, "clip_norm": 2.5}, 2.5),
    ],
)
def test_clipping(options, moved):
    model, metrics = linear(), []
    callback = [lambda event: metrics.append(event.metrics)]
    Trainer(
        model, rb.optim.SGD(model, learning_rate=1.0), slope, callbacks=callback, **options
    ).fit(pulls(8.0), steps=1)
    assert model.params["0.weight"].item() == -moved
    assert metrics[0]["grad_norm"] == 8.0, "the norm is told as it was"


def test_the_norm_is_of_all_parameters_together():
    model = rb.Sequential(rb.Dense(1, 1, dtype="float64", rng=0))
    before = params(Trainer(model, rb.optim.SGD(model), slope))
    x = np.full((1, 1, 1), math.sqrt(15))  # gradients: √15 for the weight, 1 for the bias
    Trainer(model, rb.optim.SGD(model, learning_rate=1.0), slope, clip_norm=1.0).fit(
        Scripted(Batch(x, None, None, True)), steps=1
    )
    assert model.params["0.bias"] == pytest.approx(before["0.bias"] - 1 / 4, rel=1e-14)
    assert model.params["0.weight"] == pytest.approx(
        before["0.weight"] - math.sqrt(15) / 4, rel=1e-14
    )


def test_the_learning_rate_of_each_step():
    model, metrics, schedule = linear(), [], rb.optim.StepDecay(1.0, every=2, factor=0.5)
    callback = [on("step", lambda event: metrics.append(event.metrics))]
    options = {"learning_rate": schedule, "callbacks": callback}
    Trainer(model, rb.optim.SGD(model, learning_rate=9.0), slope, **options).fit(
        pulls(1.0), epochs=5
    )
    assert [line["lr"] for line in metrics] == [1, 1, 0.5, 0.5, 0.25]
    assert model.params["0.weight"].item() == -3.25


def test_parameters_that_the_optimiser_does_not_have_stay():
    trainer, data = sequence_run()
    model, before = trainer.model, params(trainer)
    some = {name: p for name, p in model.params.items() if name.startswith("1.")}
    Trainer(model, rb.optim.SGD(some, learning_rate=0.1), rb.losses.MeanSquaredError()).fit(
        data, epochs=1
    )
    changed = {name for name, p in model.params.items() if not np.array_equal(p, before[name])}
    assert changed == {"1.weight", "1.bias"}


def test_no_progress_bar_without_a_terminal(capfd):
    trainer, data = text_run()
    trainer.fit(data, steps=3)
    assert capfd.readouterr() == ("", "")


def test_a_progress_bar_that_is_asked_for(capfd):
    trainer, data = text_run(progress=True)
    trainer.fit(data, epochs=2)
    out, err = capfd.readouterr()
    assert out == ""
    assert "8/8" in err
    assert "loss=" in err


def test_a_progress_bar_that_is_unwanted(capfd, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    trainer, data = text_run(progress=False)
    trainer.fit(data, steps=3)
    assert capfd.readouterr() == ("", "")


@pytest.mark.quick
@pytest.mark.parametrize("name", ["sgd", "adagrad", "rmsprop", "adam", "adamw"])
def test_fit_builds_the_optimiser(name):
    rule = {
        "sgd": "SGD",
        "adagrad": "Adagrad",
        "rmsprop": "RMSProp",
        "adam": "Adam",
        "adamw": "AdamW",
    }[name]
    one, two = linear(1.0), linear(1.0)
    fit(one, pulls(1.0, 2.0), slope, name, learning_rate=0.25, steps=3)
    Trainer(two, getattr(rb.optim, rule)(two, learning_rate=0.25), slope).fit(
        pulls(1.0, 2.0), steps=3
    )
    assert same(one.params, two.params)


def test_fit_passes_options_on(tmp_path):
    model = linear(1.0)
    history = fit(
        model,
        pulls(1.0),
        slope,
        rb.optim.SGD(model, learning_rate=1.0),
        steps=2,
        folder=tmp_path,
        clip_norm=0.25,
    )
    assert history.steps == 2
    assert model.params["0.weight"].item() == 0.5
    assert len(lines(tmp_path)) == 2
