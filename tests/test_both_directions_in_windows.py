"""Windows carry the state of forward Recurrents; reverse ones begin anew at the end of each."""

from __future__ import annotations

import numpy as np
import pytest

import rnnbp as rb

rng = np.random.default_rng(3)
X = rng.normal(size=(24, 2))
TARGET = rng.normal(size=(24, 6))
FORWARD = rb.GRU(2, 3, dtype="float64", rng=1)
REVERSE = rb.LSTM(2, 3, dtype="float64", rng=2, reverse=True)
LOSS = rb.losses.MeanSquaredError()


def both() -> rb.Bidirectional:
    return rb.Bidirectional(FORWARD, REVERSE)


def expected() -> np.ndarray:
    """(24, 1, 6): one call forward, each window of 8 steps alone in reverse."""
    forward = rb.predict(FORWARD, X[:, None])[0]
    parts = np.split(X[:, None], 3)
    return np.concatenate(
        [forward, np.concatenate([rb.predict(REVERSE, part)[0] for part in parts])], axis=-1
    )


def windows() -> rb.Windows:
    return rb.Windows(X, TARGET, horizon=8, batch_size=1)


def test_predict() -> None:
    np.testing.assert_allclose(
        rb.predict(rb.Graph(*ends()), windows()), expected()[:, 0], rtol=1e-13
    )


def ends() -> tuple[rb.Value, rb.Value]:
    """The input and the output of both directions."""
    x = rb.Input(2)
    return x, both()(x)


def test_evaluate() -> None:
    found = rb.evaluate(both(), windows(), LOSS)
    assert found["loss"] == pytest.approx(float(np.mean((expected()[:, 0] - TARGET) ** 2)))


def test_training() -> None:
    """With a rate of 0 the loss of each window is that of what is expected."""
    history = rb.fit(both(), windows(), LOSS, "sgd", learning_rate=1e-300, epochs=1)
    parts = [
        np.mean((a - b) ** 2)
        for a, b in zip(np.split(expected()[:, 0], 3), np.split(TARGET, 3), strict=True)
    ]
    np.testing.assert_allclose(history.losses, parts)
