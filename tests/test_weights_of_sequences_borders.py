"""Weights of whole sequences, ``sample_weight`` elsewhere, next to lengths and masks of steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.train.source import fingerprint

N, T, F, K = 6, 10, 3, 4
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, T, F)).astype(np.float32)
LABELS, STEPS = RNG.integers(0, K, N), RNG.integers(0, K, (N, T))
LENGTHS = np.array([10, 3, 1, 7, 5, 10])
KNOWN = np.arange(T) < LENGTHS[:, None]
WEIGHTS = np.array([1.0, 0.5, 2.0, 3.0, 0.25, 1.0])
CE = rb.losses.CrossEntropy()


def net() -> rb.Sequential:
    return rb.Sequential(rb.LSTM(F, 6, rng=0), rb.Dense(6, K, rng=1))


def sequences(**given: Any) -> rb.Sequences:
    return rb.Sequences(**({"x": X, "target": STEPS, "batch_size": 4} | given))


def by_hand(y: np.ndarray, target: np.ndarray, weights: np.ndarray) -> float:
    """Σ w ℓ / Σ w of the cross-entropy of y (..., K)."""
    each = (
        np.log(np.exp(y).sum(axis=-1)) - np.take_along_axis(y, target[..., None], axis=-1)[..., 0]
    )
    return float((each * weights).sum() / weights.sum())


GIVEN: dict[str, tuple[dict[str, Any], np.ndarray]] = {
    "(N,)": ({"mask": WEIGHTS}, WEIGHTS[:, None] * np.ones(T)),
    "(N, 1)": ({"mask": WEIGHTS[:, None]}, WEIGHTS[:, None] * np.ones(T)),
    "a list": ({"mask": [*map(float, WEIGHTS)]}, WEIGHTS[:, None] * np.ones(T)),
    "(N,) and lengths": ({"mask": WEIGHTS, "lengths": LENGTHS}, WEIGHTS[:, None] * KNOWN),
    "(N, T) and lengths": (
        {"mask": np.arange(60.0).reshape(N, T), "lengths": LENGTHS},
        np.arange(60.0).reshape(N, T) * KNOWN,
    ),
    "bools and lengths": ({"mask": STEPS > 0, "lengths": LENGTHS}, (STEPS > 0) * KNOWN * 1.0),
    "bools (N,)": ({"mask": WEIGHTS > 0.6}, (WEIGHTS > 0.6)[:, None] * np.ones(T)),
    "0 and 1": ({"mask": (WEIGHTS > 0.6).astype(int)}, (WEIGHTS > 0.6)[:, None] * np.ones(T)),
    "NaN in the padding": ({"mask": np.where(KNOWN, 2.0, np.nan), "lengths": LENGTHS}, 2.0 * KNOWN),
}


@pytest.mark.long
@pytest.mark.parametrize("case", GIVEN)
def test_the_loss_is_the_weighted_mean(case: str) -> None:
    given, weights = GIVEN[case]
    data, model = sequences(**given), net()
    expected = by_hand(rb.predict(model, X.swapaxes(0, 1).copy())[0].swapaxes(0, 1), STEPS, weights)
    assert rb.evaluate(model, data, CE)["loss"] == pytest.approx(expected, rel=1e-5)
    explicit = sequences(mask=weights)
    losses = [rb.fit(net(), source, CE, epochs=2).losses for source in (data, explicit)]
    np.testing.assert_allclose(*losses, rtol=1e-6)


def test_the_last_steps_have_the_weights_of_their_sequences() -> None:
    data, model = sequences(target=LABELS, last=True, mask=WEIGHTS, lengths=LENGTHS), net()
    y = rb.predict(model, data)
    assert rb.evaluate(model, data, CE)["loss"] == pytest.approx(
        by_hand(y, LABELS, WEIGHTS), rel=1e-5
    )
    explicit = sequences(target=LABELS, last=True, mask=WEIGHTS[:, None] * KNOWN)
    assert fingerprint(data) == fingerprint(explicit)
    assert rb.fit(net(), data, CE, epochs=2).losses == rb.fit(net(), explicit, CE, epochs=2).losses


@pytest.mark.parametrize("mask", [WEIGHTS, WEIGHTS[None]], ids=["(N,)", "(1, N)"])
def test_time_first_sequences_have_weights_too(mask: np.ndarray) -> None:
    data = sequences(
        x=X.swapaxes(0, 1), target=STEPS.T, mask=mask, lengths=LENGTHS, batch_first=False
    )
    assert fingerprint(data) == fingerprint(sequences(mask=WEIGHTS, lengths=LENGTHS))


def test_examples_have_weights_as_sequences_of_one_step() -> None:
    data = rb.Sequences(X[:, :1], LABELS, last=True, mask=WEIGHTS, batch_size=4)
    y = rb.predict(net(), data)
    assert rb.evaluate(net(), data, CE)["loss"] == pytest.approx(
        by_hand(y, LABELS, WEIGHTS), rel=1e-5
    )


@pytest.mark.parametrize("batch_first", [True, False])
def test_batches_have_weights_of_sequences(batch_first: bool) -> None:
    x, steps = (X, STEPS) if batch_first else (X.swapaxes(0, 1), STEPS.T)
    batches = rb.Batches([(x, steps, WEIGHTS)], batch_first=batch_first)
    expected = rb.evaluate(net(), sequences(mask=WEIGHTS), CE)["loss"]
    assert rb.evaluate(net(), batches, CE)["loss"] == pytest.approx(expected, rel=1e-6)


BAD: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "lengths as a mask": (
        lambda: sequences(mask=LENGTHS),
        rb.ShapeError,
        "integers up to 10: are they weights, or lengths.*or give lengths as lengths=",
    ),
    "of some": (
        lambda: sequences(mask=WEIGHTS[:4]),
        rb.ShapeError,
        r"a weight for each step, or \(6,\), one for each sequence, found \(4,\)",
    ),
    "of steps": (lambda: sequences(mask=np.ones(T)), rb.ShapeError, r"found \(10,\)"),
    "a mask as lengths": (
        lambda: sequences(lengths=KNOWN),
        rb.DtypeError,
        r"is bool of shape \(6, 10\).*give it as mask=",
    ),
    "weights as lengths": (
        lambda: sequences(lengths=KNOWN * 1.0),
        rb.DtypeError,
        r"a mask; give it as mask=",
    ),
    "bools as lengths": (
        lambda: sequences(lengths=WEIGHTS > 1),
        rb.DtypeError,
        r"give it as mask=",
    ),
    "a mask as lengths of batches": (
        lambda: sequences(x=X.swapaxes(0, 1), target=LABELS, last=True, lengths=LENGTHS),
        rb.ShapeError,
        r"lengths must have shape \(10,\), .* found \(6,\); if x is time-first: say "
        r"batch_first=False",
    ),
    "batch-first after all": (
        lambda: sequences(batch_first=False, lengths=LENGTHS),
        rb.ShapeError,
        "if x is batch-first: leave batch_first out",
    ),
    "batches": (
        lambda: rb.evaluate(net(), rb.Batches([(X, STEPS, LENGTHS)]), CE),
        rb.ShapeError,
        "if x is batch-first: say batch_first=True",
    ),
    "below 0": (
        lambda: sequences(mask=-WEIGHTS),
        ValueError,
        r"mask\[0\] is -1.0; weights must be finite and at least",
    ),
    "NaN": (
        lambda: sequences(mask=WEIGHTS * np.nan),
        ValueError,
        r"mask\[0\] is nan; weights must be finite",
    ),
    "a column of lengths": (
        lambda: sequences(lengths=LENGTHS[:, None]),
        rb.ShapeError,
        r"; give lengths\[:, 0\]",
    ),
    "as the name elsewhere": (
        lambda: sequences(sample_weight=WEIGHTS),
        TypeError,
        "'sample_weight', it is called 'mask' here",
    ),
    "in fit": (
        lambda: rb.fit(net(), sequences(), CE, epochs=1, sample_weight=WEIGHTS),
        TypeError,
        r"Sequences\(x, target, mask=weights, ...\), \(N,\) of sequences",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_fit(case: str) -> None:
    call, error, message = BAD[case]
    with pytest.raises(error, match=message):
        call()
