"""What a forecaster of quantiles is told whose outputs and targets do not fit."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

QS = (0.1, 0.5, 0.9)
rng = np.random.default_rng(0)
x = rng.normal(size=(32, 200, 3)).astype("float32")
target = rng.normal(size=(32, 200, 1)).astype("float32")
hours = rng.normal(size=(32, 200, 12)).astype("float32")
RESHAPE = (
    "Quantile((0.1, 0.5, 0.9)) has 3 quantiles, one for each output, and the last axis of the "
    "outputs has size 36; for 12 numbers at each step end the model with Reshape((36,), (12, 3)), "
    "and give a target (..., 12, 1), which is target[..., None] of (..., 12)"
)


def forecaster(n: int, *more: rb.Layer) -> rb.Sequential:
    return rb.Sequential(rb.RNN(3, 8, rng=1), rb.Dense(8, n, rng=2), *more)


def twelve() -> rb.Sequential:
    return forecaster(36, rb.Reshape((36,), (12, 3)))


def fit(model: rb.Sequential, target: Any, q: Any = QS, **options: Any) -> rb.train.History:
    data = rb.Sequences(x, target, batch_size=16)
    return rb.fit(model, data, rb.losses.Quantile(q), epochs=1, **options)


def bptt(model: rb.Sequential, target: Any, loss: Any = None) -> rb.Gradients:
    given = (x.swapaxes(0, 1), target.swapaxes(0, 1))
    return rb.bptt(model, *given, loss or rb.losses.Quantile(QS))


@pytest.mark.parametrize(
    ("model", "wrong", "message"),
    [
        (forecaster(3), target[..., 0], "(32, 200); {} takes (N, T, 1) or (N, T, 3)"),
        (twelve(), hours, "(32, 200, 12); {} takes (N, T, 12, 1) or (N, T, 12, 3)"),
    ],
    ids=["one number", "twelve numbers"],
)
def test_a_target_without_its_last_axis_names_the_users_shape_and_the_cure(
    model: rb.Sequential, wrong: Any, message: str
) -> None:
    told = f"target has shape {message.format('Quantile((0.1, 0.5, 0.9))')}: give target[..., None]"
    with pytest.raises(rb.ShapeError, match=re.escape(told) + "$"):
        fit(model, wrong)
    assert np.isfinite(fit(model, wrong[..., None]).losses).all()


def test_in_bptt_the_shape_is_that_of_the_whole_sequence() -> None:
    told = "(200, 32, 12, 1), or (200, 32, 12, 3) with a number for each quantile, found"
    with pytest.raises(rb.ShapeError, match=re.escape(told)) as caught:
        bptt(twelve(), hours)
    assert str(caught.value).endswith("found (200, 32, 12); give target[..., None]")
    assert not hasattr(caught.value, "__notes__")


@pytest.mark.parametrize("loss", [rb.losses.MeanSquaredError(), rb.losses.CrossEntropy()])
def test_other_losses_name_the_whole_sequence_too(loss: Any) -> None:
    long = np.zeros((400, 2000, 2), "int64")  # which is read in several parts
    with pytest.raises(rb.ShapeError, match=r"\(400, 2000, 2\)"):
        rb.bptt(rb.RNN(3, 4), np.zeros((400, 2000, 3), "float32"), long, loss)


@pytest.mark.parametrize("wrong", [hours, hours[..., None], np.repeat(hours, 3, -1), target])
def test_outputs_of_several_numbers_are_told_the_reshape(wrong: Any) -> None:
    for run in (fit, bptt):
        with pytest.raises(rb.ShapeError) as caught:
            run(forecaster(36), wrong)
        assert str(caught.value) == RESHAPE
        assert not any("counted" in note for note in getattr(caught.value, "__notes__", []))


def test_the_reshape_learns_the_quantiles_of_each_number() -> None:
    noise = (rng.random((400, 2, 12)) + np.arange(12) / 12).astype("float32")
    data = rb.Sequences(np.ones((400, 2, 3), "float32"), noise[..., None], batch_size=50)
    model, rate = twelve(), rb.optim.Cosine(0.05, steps=30 * data.batches_per_epoch)
    rb.fit(model, data, rb.losses.Quantile(QS), learning_rate=rate, epochs=30)
    below = (noise[..., None] < rb.predict(model, data)).mean(axis=(0, 1))
    np.testing.assert_allclose(below, [QS] * 12, atol=0.08)


def test_an_output_too_few_is_told_in_plain_words() -> None:
    with pytest.raises(rb.ShapeError, match=r"last axis of the outputs has size 1; end the model "):
        fit(forecaster(1), target)


def test_many_quantiles_are_not_all_listed() -> None:
    loss = rb.losses.Quantile(np.linspace(0.01, 0.99, 36))
    assert len(repr(loss)) > 36 * 4
    told = "Quantile((0.01, 0.038, ..., 0.99)) has 36 quantiles"
    with pytest.raises(rb.ShapeError, match="^" + re.escape(told)):
        bptt(forecaster(1), target, loss)


def test_a_target_of_other_numbers_is_told_in_the_users_axes() -> None:
    told = (
        "target has shape (32, 200, 12); MeanSquaredError() takes (N, T, 36), as the outputs: end "
        "the model in (12,) at each step, not (36,)"
    )
    data = rb.Sequences(x, hours, batch_size=16)
    with pytest.raises(rb.ShapeError, match=re.escape(told)):
        rb.fit(forecaster(36), data, rb.losses.MeanSquaredError(), epochs=1)


def test_quantiles_one_by_one_are_told_the_tuple() -> None:
    with pytest.raises(TypeError, match=re.escape("one argument: Quantile((0.1, 0.5, 0.9))")):
        rb.losses.Quantile(0.1, 0.5, 0.9)  # type: ignore[call-arg]  # as the user writes it


@pytest.mark.parametrize(
    ("name", "value"), [("mae", "abs(y[..., 1:2] - t)"), ("mse", "(y[..., 1:2] - t) ** 2")]
)
def test_a_metric_of_one_output_is_told_its_function(name: str, value: str) -> None:
    told = (
        f"metric {name}: target must have y's shape, (3,) at each step, found (1,); for output 1 "
        f"alone give metrics={{'{name}': lambda y, t: {value}}}"
    )
    with pytest.raises(rb.ShapeError, match=re.escape(told)):
        fit(forecaster(3), target, metrics=[name])


def test_that_function_is_the_error_of_the_median() -> None:
    model, data = forecaster(3), rb.Sequences(x, target, batch_size=16)
    measured = {"mae": lambda y, t: abs(y[..., 1:2] - t)}
    found = rb.evaluate(model, data, rb.losses.Quantile(QS), metrics=measured)
    wanted = np.abs(rb.predict(model, data)[..., 1:2] - target).mean()
    assert found["mae"] == pytest.approx(wanted, rel=1e-5)
