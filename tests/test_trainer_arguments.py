"""Arguments of Trainer and fit that do not fit: each is named, with what to do."""

from __future__ import annotations

import math

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.train import Batch, Trainer, fit
from tests.trainer_runs import Scripted, linear, pulls, slope
from tests.training import text_run

MODEL = linear(1.0)
BAD = {
    "no end": (
        lambda: text_run()[0].fit(None),
        ValueError,
        "there is no end; give epochs, steps or max_seconds",
    ),
    "epochs": (
        lambda: text_run()[0].fit(None, epochs=0),
        ValueError,
        "Trainer.fit: epochs must be at least 1",
    ),
    "steps": (
        lambda: text_run()[0].fit(None, steps=1.5),
        TypeError,
        "Trainer.fit: steps must be an integer",
    ),
    "seconds": (
        lambda: text_run()[0].fit(None, max_seconds=0),
        ValueError,
        r"max_seconds must lie in \(0, inf\), found 0; None",
    ),
    "optimizer": (
        lambda: Trainer(MODEL, rb.optim.Adam, slope),
        TypeError,
        "optimizer must be of rnnbp.optim, found <",
    ),
    "other model": (
        lambda: Trainer(MODEL, rb.optim.SGD(linear()), slope),
        ValueError,
        r"'0\.weight' is not of this model",
    ),
    "clip": (
        lambda: Trainer(MODEL, rb.optim.SGD(MODEL), slope, clip_norm=0),
        ValueError,
        r"clip_norm must lie in \(0, inf\), found 0; None",
    ),
    "clip nan": (
        lambda: Trainer(MODEL, rb.optim.SGD(MODEL), slope, clip_value=math.nan),
        ValueError,
        "clip_value must lie in .*, found nan",
    ),
    "clip text": (
        lambda: text_run(clip_norm="1"),
        TypeError,
        r"Trainer: clip_norm must be a number .*, found '1'",
    ),
    "rate text": (
        lambda: text_run(learning_rate="fast"),
        TypeError,
        "learning_rate must be a number .*found 'fast'; or a schedule",
    ),
    "rate class": (
        lambda: text_run(learning_rate=rb.optim.Cosine),
        TypeError,
        "learning_rate must be a number .*found <class .*or a schedule, made: Cosine",
    ),
    "seconds text": (
        lambda: text_run()[0].fit(None, max_seconds="9"),
        TypeError,
        "max_seconds must be a number",
    ),
    "patience": (lambda: text_run(patience=0), ValueError, "Trainer: patience must be at least 1"),
    "snapshots": (
        lambda: text_run(snapshot_every=0),
        ValueError,
        "Trainer: snapshot_every must be at least 1",
    ),
    "no validation": (
        lambda: text_run(validation=None),
        ValueError,
        "validate_every, patience, learning_rate=OnPlateau needs validation losses",
    ),
    "seed": (lambda: text_run(seed=1.5), TypeError, "seed must be an integer"),
    "description": (
        lambda: text_run(description={1, 2}),
        TypeError,
        "Trainer: description must be JSON",
    ),
    "name": (
        lambda: fit(MODEL, None, slope, "sdg"),
        ValueError,
        "optimizer is one of 'sgd', .* found 'sdg'",
    ),
    "rate": (
        lambda: fit(MODEL, None, slope, rb.optim.SGD(MODEL), lr=1),
        ValueError,
        "lr goes with the name",
    ),
    "model": (
        lambda: Trainer(3, rb.optim.SGD(MODEL), slope),
        TypeError,
        "a model is a network of layers",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_arguments_that_do_not_fit(case):
    call, error, message = BAD[case]
    with pytest.raises(error, match=message):
        call()


def test_an_error_in_a_step_names_it():
    trainer, data = text_run()
    bad = Scripted(data.batch(0, 0), Batch(np.full((2, 1), 9), np.zeros((2, 1), int), None, True))
    with pytest.raises(IndexError, match="must lie in") as caught:
        trainer.fit(bad, steps=9)
    assert caught.value.__notes__[:1] == ["in step 2, batch 1 of epoch 0"]


@pytest.mark.parametrize("data", [np.ones((4, 3, 1)), (np.ones(3), np.ones(3)), "text"])
def test_arrays_are_no_source(data):
    model = linear()
    with pytest.raises(
        TypeError, match=r"must be a source of batches, found \w+; wrap arrays in Sequences"
    ):
        rb.fit(model, data, slope, "sgd", learning_rate=1.0, steps=1)
    with pytest.raises(TypeError, match="Trainer: validation must be a source of batches"):
        rb.fit(model, pulls(1.0), slope, "sgd", learning_rate=1.0, steps=1, validation=data)


@pytest.mark.parametrize("rule", ["adam", "sgd"])
def test_parameters_of_other_shapes_between_two_fits(rule: str) -> None:
    """The optimiser's arrays are no longer the model's: an error, and nothing has changed."""
    model = rb.Sequential(rb.Embedding(40, 6, rng=0), rb.LSTM(6, 5, rng=1), rb.Dense(5, 8, rng=2))
    given = np.random.default_rng(0).integers(0, 5, (16, 6))
    data = rb.Sequences(given, np.roll(given, 1, 1), batch_size=8)
    optimizer = {"adam": rb.optim.Adam, "sgd": rb.optim.SGD}[rule](model, 0.01)
    trainer = rb.Trainer(model, optimizer, rb.losses.CrossEntropy())
    trainer.fit(data, epochs=1)
    layer = model.blocks[0]
    dict.__setitem__(
        layer.params, "weight", layer.params["weight"][:10].copy()
    )  # which a layer's own would refuse
    vars(layer)["n_symbols"] = 10
    before = {name: p.copy() for name, p in optimizer.params.items()}
    with pytest.raises(rb.ShapeError, match=r"shape \(10, 6\), its layer was built with \(40, 6\)"):
        trainer.fit(data, epochs=1)
    assert optimizer.steps == 2
    for name, p in before.items():
        np.testing.assert_array_equal(optimizer.params[name], p)
