"""Validation while training: its loss, early stopping, the best parameters."""

from __future__ import annotations

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.storage import load_tensors
from rnnbp.train import Examples, Sequences, Trainer, Windows, load_weights
from rnnbp.train.validation import validation_loss
from tests.trainer_runs import (
    LOSS,
    VALIDATION,
    linear,
    params,
    pulls,
    same,
    scripted_validation,
    slope,
)
from tests.training import TEXT, X, sequence_run, text_run


@pytest.mark.parametrize(
    "loss", [LOSS, rb.losses.CrossEntropy([0.5, 1, 2, 4, 0.1])], ids=["plain", "class weights"]
)
def test_the_validation_loss_of_windows_is_that_of_the_whole_lanes(loss):
    model = text_run()[0].model.astype("float64")
    data = Windows.next_symbol(TEXT, horizon=9, batch_size=4)  # of 9, 9, 9 and 5 steps
    whole = Windows.next_symbol(TEXT, horizon=1000, batch_size=4).batch(0, 0)
    expected = rb.evaluate(model, whole.x, whole.target, loss)[0]
    assert validation_loss(model, data, loss) == pytest.approx(expected, rel=1e-13)
    restarted = [
        rb.evaluate(model, b.x, b.target, loss)[0] for b in (data.batch(0, k) for k in range(4))
    ]
    assert np.mean(restarted) != pytest.approx(expected, rel=1e-4), (
        "the state and the weights matter"
    )


def test_the_validation_loss_weighs_batches_by_their_masks():
    model = sequence_run()[0].model
    weights = np.random.default_rng(0).random((11, 6))
    options = {"mask": weights, "shuffle": False}
    parts = Sequences(X, X[..., :1], batch_size=3, **options)
    whole = Sequences(X, X[..., :1], batch_size=11, **options).batch(0, 0)
    for loss in (rb.losses.MeanSquaredError(), rb.losses.Huber(0.1)):
        expected = rb.evaluate(model, whole.x, whole.target, loss, mask=whole.mask)[0]
        assert validation_loss(model, parts, loss) == pytest.approx(expected, rel=1e-13)


def test_the_validation_loss_of_a_function_weighs_batches_by_size():
    model = linear(2.0)
    data = Examples(np.arange(5.0)[:, None], None, batch_size=3, shuffle=False)
    mean = lambda y, target: (y.mean(), np.ones_like(y) / y.size)  # noqa: E731
    assert validation_loss(model, data, mean) == pytest.approx(2.0 * np.arange(5).mean(), rel=1e-15)


def test_validation_leaves_no_trace_in_training():
    """Dropout is off in it, and the carried state and the parameters are as without."""
    plain = {"learning_rate": None, "patience": None}
    one, data = text_run(**plain, validate_every=1)
    other, _ = text_run(**plain, validation=None, validate_every=None)
    a, b = one.fit(data, epochs=2), other.fit(data, epochs=2)
    assert a.losses == b.losses
    assert same(params(one), params(other))
    assert a.validation_steps == list(range(1, a.steps + 1))
    assert a.validation_losses[-1] == validation_loss(one.model, one.validation, LOSS, chunk=3)


def test_early_stopping_and_the_best_parameters(monkeypatch, tmp_path):
    scripted_validation(monkeypatch, [5.0, 3.0, 4.0, 3.0, 3.5, 1.0])
    model = linear()
    options = {
        "validation": VALIDATION,
        "validate_every": 2,
        "patience": 3,
        "folder": tmp_path / "run",
    }
    trainer = Trainer(model, rb.optim.SGD(model, learning_rate=1.0), slope, **options)
    history = trainer.fit(pulls(1.0), epochs=100)
    assert history.reason == "early stopping"
    assert history.steps == 10, (
        "5.0, 3.0 is the best, and three without a lower one: an equal one is none"
    )
    assert history.validation_losses == [5.0, 3.0, 4.0, 3.0, 3.5]
    assert history.validation_steps == [2, 4, 6, 8, 10]
    assert (history.best_loss, history.best_step) == (3.0, 4)
    assert model.params["0.weight"].item() == -4.0
    other = linear()
    assert load_weights(other, tmp_path / "run" / "model.safetensors") == {
        "description": None,
        "step": 4,
        "validation": 3.0,
    }
    assert other.params["0.weight"].item() == -4.0
    assert trainer.resume().fit(pulls(1.0), epochs=200).reason == "early stopping"
    assert (
        load_tensors(tmp_path / "run" / "snapshot.safetensors")[0]["model/0.weight"].item() == -10.0
    )


def test_the_best_parameters_go_to_the_file_and_not_to_the_model_without_patience(
    monkeypatch, tmp_path
):
    scripted_validation(monkeypatch, [2.0, 1.0, 3.0])
    model = linear()
    options = {"validation": VALIDATION, "folder": tmp_path}
    Trainer(model, rb.optim.SGD(model, learning_rate=1.0), slope, **options).fit(
        pulls(1.0), epochs=3
    )
    assert model.params["0.weight"].item() == -3.0
    load_weights(model, tmp_path / "model.safetensors")
    assert model.params["0.weight"].item() == -2.0


def test_on_plateau_is_told_the_validation_losses(monkeypatch):
    scripted_validation(monkeypatch, [5.0, 6.0, 1.0, 7.0, 7.0])
    model, metrics, plateau = linear(), [], rb.optim.OnPlateau(1.0, factor=0.5, patience=0)
    options = {
        "learning_rate": plateau,
        "validation": VALIDATION,
        "callbacks": [lambda e: metrics.append(e.metrics)],
    }
    Trainer(model, rb.optim.SGD(model), slope, **options).fit(pulls(1.0), epochs=5)
    assert [line["lr"] for line in metrics[::3]] == [1, 1, 0.5, 0.5, 0.25]
