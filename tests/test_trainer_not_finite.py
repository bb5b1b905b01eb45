"""Numbers that are not finite stop a run, which keeps its last snapshot."""

from __future__ import annotations

import math

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.storage import load_tensors
from rnnbp.train import Batch, Trainer
from tests.trainer_runs import VALIDATION, Scripted, linear, pulls, scripted_validation, slope
from tests.training import lines


def nan_at(step, where):
    """A loss that is NaN, or has a gradient of NaN, at some step."""
    calls = []

    def loss(y, target):
        calls.append(y)
        bad = len(calls) == step
        return (math.nan if bad and where == "loss" else y.sum()), np.full_like(
            y, 1e308 if bad and where == "grad" else 1
        )

    return loss


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("loss", "step 3: the loss is nan, and all gradients are finite: look at how"),
        ("grad", r"step 3: the gradient of 0\.weight is inf at \[0, 0\]; lower"),
    ],
)
def test_a_loss_or_gradient_that_is_not_finite_keeps_the_last_snapshot(tmp_path, where, message):
    model = linear(1.0)
    options = {"folder": tmp_path, "snapshot_every": 1}
    trainer = Trainer(model, rb.optim.SGD(model, learning_rate=1.0), nan_at(3, where), **options)
    with pytest.raises(FloatingPointError, match=message) as caught:
        trainer.fit(pulls(16.0), steps=5)
    assert caught.value.__notes__[:2] == [
        "in step 3, batch 0 of epoch 2",
        "the last snapshot is of step 2",
    ]
    assert model.params["0.weight"].item() == -31.0, "nothing was updated"
    arrays, metadata = load_tensors(tmp_path / "snapshot.safetensors")
    assert metadata["snapshot"]["step"] == 2
    assert arrays["model/0.weight"].item() == -31.0
    assert len(lines(tmp_path)) == 2


def test_a_parameter_that_overflows_keeps_the_last_snapshot(tmp_path):
    model = linear(1.0)
    options = {
        "learning_rate": lambda step: 1e300 if step else 1.0,
        "folder": tmp_path,
        "snapshot_every": 1,
    }
    trainer = Trainer(model, rb.optim.SGD(model), slope, **options)
    message = r"step 2: after the update, the parameter 0\.weight is -inf at \[0, 0\]"
    with pytest.raises(FloatingPointError, match=message):
        trainer.fit(pulls(1e10), steps=5)
    assert load_tensors(tmp_path / "snapshot.safetensors")[0]["model/0.weight"].item() == 1.0 - 1e10


def test_a_state_that_overflows_under_a_mask():
    """Of the overflow nothing reaches the loss, but the next window would start from it."""
    model = rb.Sequential(
        rb.RNN(
            1,
            1,
            activation="relu",
            dtype="float64",
            rng=0,
            input_init=lambda r, s: np.full(s, 1e200),
        )
    )
    x, mask = np.array([1.0, 1e200])[:, None, None], np.array([[1.0], [0.0]])
    data = Scripted(Batch(x, np.zeros((2, 1, 1)), mask, False))
    with pytest.raises(FloatingPointError, match="step 1: the state 0 is inf"):
        Trainer(
            model, rb.optim.SGD(model, learning_rate=1e-300), rb.losses.MeanAbsoluteError()
        ).fit(data, steps=1)


def test_a_validation_loss_that_is_not_finite(monkeypatch, tmp_path):
    scripted_validation(monkeypatch, [1.0, math.inf])
    model = linear()
    options = {"validation": VALIDATION, "folder": tmp_path}
    with pytest.raises(FloatingPointError, match="step 2: the validation loss is inf"):
        Trainer(model, rb.optim.SGD(model, learning_rate=1.0), slope, **options).fit(
            pulls(1.0), epochs=5
        )
    assert load_tensors(tmp_path / "snapshot.safetensors")[1]["snapshot"]["step"] == 1
