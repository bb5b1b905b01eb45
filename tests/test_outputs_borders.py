"""Outputs on request: y of a training step, the last valid step, dropout that stays on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb

T, B, F, K = 50, 4, 3, 5
RNG = np.random.default_rng(0)
X = RNG.normal(size=(T, B, F)).astype(np.float32)
LABELS = RNG.integers(0, K, (T, B))
LENGTHS = np.array([50, 7, 1, 33])
MASK = np.arange(T)[:, None] < LENGTHS
CE = rb.losses.CrossEntropy()


def net(dropout: float = 0.0) -> rb.Sequential:
    return rb.Sequential(rb.LSTM(F, 6, rng=0), rb.Dropout(dropout), rb.Dense(6, K, rng=1))


@pytest.mark.long
@pytest.mark.parametrize(
    "options", [{}, {"chunk": 7}, {"checkpoint": "sqrt", "chunk": 4}, {"checkpoint": "1 MB"}]
)
def test_training_accuracy_takes_no_second_forward(options: dict[str, Any]) -> None:
    found = rb.bptt(net(), X, LABELS, CE, return_y=True, mask=MASK, **options)
    expected, _ = rb.predict(net(), X, mask=MASK)
    assert found.y is not None
    np.testing.assert_allclose(found.y, expected, atol=1e-6)
    plain = rb.bptt(net(), X, LABELS, CE, mask=MASK, **options)
    assert plain.y is None
    assert found.loss == plain.loss
    for name, grad in plain.grads.items():
        np.testing.assert_array_equal(found.grads[name], grad)


def test_y_is_that_of_the_loss_with_dropout() -> None:
    found = rb.bptt(net(0.5), X, LABELS, CE, return_y=True, seed=3)
    assert found.y is not None
    assert found.loss == pytest.approx(CE(found.y, LABELS)[0], rel=1e-6)


@pytest.mark.parametrize("steps", [50, 500])
def test_y_is_forecast_and_within_the_budget(steps: int) -> None:
    x = np.zeros((steps, B, F), np.float32)
    given: dict[str, Any] = {"steps": steps, "batch": B}
    found = rb.bptt(net(), x, np.zeros((steps, B), int), CE, checkpoint="sqrt", return_y=True)
    predicted = rb.forecast(net(), CE, checkpoint="sqrt", return_y=True, **given)
    assert found.stats.peak_bytes == predicted.peak_bytes
    less = rb.forecast(net(), CE, checkpoint="sqrt", **given)
    assert predicted.peak_bytes - less.peak_bytes == steps * B * K * 4
    plan = rb.plan(net(), CE, budget="1 MB", return_y=True, **given)
    ran = rb.bptt(net(), x, np.zeros((steps, B), int), CE, checkpoint=plan, return_y=True)
    assert ran.stats.peak_bytes == plan.forecast.peak_bytes <= 10**6


def test_backprop_returns_y_without_time() -> None:
    model = rb.Sequential(rb.Dense(F, 6, rng=0), rb.Tanh(), rb.Dense(6, K, rng=1))
    found = rb.backprop(model, X[0], LABELS[0], CE, return_y=True)
    assert found.y is not None
    np.testing.assert_allclose(found.y, rb.predict(model, X[:1])[0][0], rtol=1e-6)


def test_y_of_a_stream_of_known_length() -> None:
    pieces = (X[k : k + 7] for k in range(0, T, 7))
    found = rb.bptt(net(), pieces, LABELS, CE, return_y=True, steps=T)
    assert found.y is not None
    np.testing.assert_array_equal(found.y, rb.bptt(net(), X, LABELS, CE, return_y=True).y)
    with pytest.raises(
        ValueError, match="return_y=True, but x is a stream of unknown length; give steps="
    ):
        rb.bptt(net(), iter([X]), iter([LABELS]), CE, return_y=True)


@pytest.mark.quick
@pytest.mark.parametrize("chunk", [1, 7, 32, 50])
def test_the_last_valid_step_of_each_sequence(chunk: int) -> None:
    whole, state = rb.predict(net(), X, chunk=chunk)
    last, same = rb.predict(net(), X, chunk=chunk, last=True)
    np.testing.assert_array_equal(last, whole[-1])
    np.testing.assert_array_equal(same[0][0], state[0][0])
    padded = np.where(MASK[..., None], X, np.float32(np.nan))
    valid, _ = rb.predict(net(), padded, chunk=chunk, mask=MASK, last=True)
    np.testing.assert_array_equal(valid, whole[LENGTHS - 1, np.arange(B)])


@pytest.mark.long
@pytest.mark.parametrize("mask", [None, np.ones((20_000, 4), bool)], ids=["all", "mask"])
def test_the_last_step_takes_no_memory_for_the_others(mask: np.ndarray | None) -> None:
    x = np.zeros((20_000, B, F), np.float32)
    rb.predict(net(), x, last=True, mask=mask, chunk=32)
    with rb.memory.measure() as used:
        rb.predict(net(), x, last=True, mask=mask, chunk=32)
    assert used.peak_bytes < 20_000 * B * K * 4 / 2


def test_the_last_step_of_a_stream() -> None:
    last, _ = rb.predict(net(), (X[k : k + 7] for k in range(0, T, 7)), last=True)
    np.testing.assert_array_equal(last, rb.predict(net(), X)[0][-1])
    with pytest.raises(TypeError, match="or last=True for the last one"):
        rb.predict(net(), iter([X]))


def test_a_sequence_without_a_valid_step_has_no_last_one() -> None:
    with pytest.raises(ValueError, match="sequence 2 has no last step, its mask is all 0"):
        rb.predict(net(), X, mask=MASK & (np.arange(B) != 2), last=True)


def test_monte_carlo_dropout() -> None:
    model = net(0.4)
    one, other = (rb.predict(model, X, training=True, seed=seed)[0] for seed in (3, 4))
    np.testing.assert_array_equal(one, rb.bptt(model, X, LABELS, CE, return_y=True, seed=3).y)
    np.testing.assert_array_equal(one, rb.predict(model, X, training=True, seed=3, chunk=7)[0])
    assert (one != other).any()
    np.testing.assert_array_equal(rb.predict(model, X)[0], rb.predict(model, X, seed=9)[0])
    np.testing.assert_array_equal(rb.predict(net(), X)[0], rb.predict(model, X)[0])
