"""Lengths of padded sequences, and errors for a first script with wrong shapes of data."""

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
CE = rb.losses.CrossEntropy()


def net() -> rb.Sequential:
    return rb.Sequential(rb.LSTM(F, 6, rng=0), rb.Dense(6, K, rng=1))


@pytest.mark.parametrize("target", [LABELS, STEPS], ids=["last", "steps"])
def test_lengths_are_a_mask(target: np.ndarray) -> None:
    mask, last = np.arange(T) < LENGTHS[:, None], target.ndim == 1
    padded = np.where(mask[..., None], X, np.float32(np.nan))
    data = rb.Sequences(padded, target, lengths=LENGTHS, last=last, batch_size=4)
    other = rb.Sequences(padded, target, mask=mask, last=last, batch_size=4)
    assert fingerprint(data) == fingerprint(other)
    assert rb.fit(net(), data, CE, epochs=2).losses == rb.fit(net(), other, CE, epochs=2).losses
    listed = rb.Sequences(padded, target, lengths=[*map(int, LENGTHS)], last=last, batch_size=4)
    assert fingerprint(listed) == fingerprint(data)


def test_time_first_sequences_have_lengths_too() -> None:
    data = rb.Sequences(
        X.swapaxes(0, 1), STEPS.T, lengths=LENGTHS, batch_first=False, batch_size=N, shuffle=False
    )
    batch = data.batch(0, 0)
    assert batch.mask is not None
    np.testing.assert_array_equal(batch.mask.sum(axis=0), LENGTHS)


def sequences(**given: Any) -> rb.Sequences:
    return rb.Sequences(**({"x": X.copy(), "target": STEPS, "batch_size": 2} | given))


BAD: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "a label for each sequence": (
        lambda: rb.fit(net(), sequences(target=LABELS), CE, epochs=1),
        rb.ShapeError,
        "one for each sequence, and the model has an output at each step; say last=True for",
    ),
    "lengths as a mask": (
        lambda: sequences(mask=LENGTHS),
        rb.ShapeError,
        "or give lengths as lengths=",
    ),
    "both, of another shape": (
        lambda: sequences(mask=STEPS[:, :4], lengths=LENGTHS),
        rb.ShapeError,
        "mask must begin",
    ),
    "too long": (
        lambda: sequences(lengths=LENGTHS + 1),
        ValueError,
        r"lengths\[0\] is 11, which must lie in \[1, 10\]",
    ),
    "empty": (lambda: sequences(lengths=LENGTHS - 1), ValueError, r"lengths\[2\] is 0"),
    "too few": (
        lambda: sequences(lengths=LENGTHS[:5]),
        rb.ShapeError,
        r"must have shape \(6,\), one for each",
    ),
    "floats": (lambda: sequences(lengths=LENGTHS * 1.0), TypeError, "use an integer dtype"),
    "time-first x": (
        lambda: sequences(x=X.swapaxes(0, 1), target=LABELS, last=True),
        rb.ShapeError,
        "if x is time-first: say batch_first=False",
    ),
    "time-first mask": (
        lambda: sequences(mask=STEPS.T),
        rb.ShapeError,
        r"or give mask.swapaxes\(0, 1\)",
    ),
    "time-first target": (
        lambda: sequences(target=STEPS.T),
        rb.ShapeError,
        r"or give target.swapaxes\(0, 1\)",
    ),
    "a mask of each output": (
        lambda: sequences(mask=np.ones((N, T, K))),
        rb.ShapeError,
        r"mask must have shape \(N, T\)",
    ),
    "ragged x": (
        lambda: sequences(x=[X[0], X[1, :4]]),
        rb.ShapeError,
        r"target must begin with the axes \(2,\) of x, found shape \(6, 10\); give one for each seq",
    ),
    "ragged target": (
        lambda: sequences(target=[STEPS[0], STEPS[1, :4]]),
        rb.ShapeError,
        "target has parts of inhom",
    ),
    "ragged objects": (
        lambda: sequences(x=np.array([X[0], X[1, :4, :2]], dtype=object), target=None),
        rb.ShapeError,
        r"x\[1\] has shape \(4, 2\), x\[0\] \(10, 3\); sequences differ in axis 0 alone",
    ),
    "a label each in batches": (
        lambda: rb.fit(net(), [(X, LABELS)], CE, epochs=1),
        rb.ShapeError,
        r"say Batches\(..., batch_first=True, last=True\)",
    ),
    "a label each, time-first": (
        lambda: rb.fit(net(), [(X.swapaxes(0, 1), LABELS)], CE, epochs=1),
        rb.ShapeError,
        r"say Batches\(..., last=True\)",
    ),
    "a label each in bptt": (
        lambda: rb.bptt(net(), X.swapaxes(0, 1), LABELS, CE),
        rb.ShapeError,
        r"for one of each sequence use Sequences\(..., last=True\)",
    ),
    "a mask of each output in bptt": (
        lambda: rb.bptt(net(), X.copy(), STEPS, CE, mask=np.ones((N, T, K))),
        rb.ShapeError,
        r"must have shape \(T, B\) = \(6, 10\), found \(6, 10, 4\).*losses.Known",
    ),
    "x and target for fit": (
        lambda: rb.fit(net(), X, STEPS, CE, epochs=1),  # type: ignore[arg-type, misc]  # that is the mistake
        TypeError,
        r"fit\(model, Sequences\(x, target, batch_size=32\), loss\)",
    ),
    "a pair for fit": (
        lambda: rb.fit(net(), (X, STEPS), CE, epochs=1),
        TypeError,
        "wrap arrays in Sequences",
    ),
    "a pair for predict": (
        lambda: rb.predict(net(), (X, STEPS)),
        TypeError,
        "give x alone, or batches as",
    ),
    "swapped arguments": (lambda: rb.predict(X, net()), TypeError, "found an array of shape"),
    "a class": (lambda: rb.predict(net(), rb.Sequences), TypeError, "is no array of numbers"),
}


@pytest.mark.parametrize("case", BAD)
def test_errors_name_the_likely_cause(case: str) -> None:
    call, error, message = BAD[case]
    with pytest.raises(error, match=message):
        call()


def test_nan_after_the_last_valid_step_is_no_error() -> None:
    x, mask = X.swapaxes(0, 1).copy(), np.ones((T, N), bool)
    x[5:, 1], mask[5:, 1] = np.nan, False
    zeros = np.where(np.isnan(x), np.float32(0), x)
    found, expected = (rb.bptt(net(), a, STEPS.T, CE, mask=mask) for a in (x, zeros))
    assert found.loss == expected.loss
    for name, grad in expected.grads.items():
        np.testing.assert_array_equal(found.grads[name], grad)


def test_a_generator_of_batches_is_no_stream_of_steps() -> None:
    x = X.swapaxes(0, 1)
    found = rb.predict(net(), ((x[:, k : k + 2], STEPS.T[:, k : k + 2]) for k in (0, 2, 4)))
    np.testing.assert_allclose(found, rb.predict(net(), x)[0].swapaxes(0, 1), rtol=1e-5)
    last, _ = rb.predict(net(), iter([x[:4], x[4:]]), last=True)
    np.testing.assert_allclose(last, found[:, -1], rtol=1e-5)


def test_batch_first_arrays_in_time_first_functions_warn_at_the_callers_line() -> None:
    data = sequences(x=X)
    with pytest.warns(UserWarning, match=r"give x.swapaxes\(0, 1\)") as caught:
        rb.predict(net(), X)
    assert {warning.filename for warning in caught} == {__file__}
    assert data.batches_per_epoch == 3
