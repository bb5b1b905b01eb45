"""Padding that no loss looks at may hold anything: the bits are those of zeros there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.train.validation import validation_loss
from tests.helpers import assert_same_bits
from tests.padded import LENGTHS, MASK, MSE, B, T, net, padded, reals

HOW: dict[str, Callable[[np.ndarray], Any]] = {
    "in memory": lambda x: x,
    "strided": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "float64": lambda x: x.astype(np.float64),
    "lists": lambda x: x.tolist(),
}


@pytest.mark.long
@pytest.mark.one_in(4)
@pytest.mark.parametrize("value", [np.nan, -np.inf])
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("options", [{"chunk": 4, "checkpoint": "sqrt"}, {"horizon": 11}])
def test_floats_after_the_end(value: float, how: str, options: dict[str, Any]) -> None:
    x, y = reals(T, B, 3), reals(T, B, 1)
    expected = rb.bptt(net(), padded(x, 0), padded(y, 0), MSE, mask=MASK, **options)
    given = HOW[how](padded(x, value)), padded(y, value)
    assert_same_bits(rb.bptt(net(), *given, MSE, mask=MASK, **options), expected)
    found = rb.evaluate(net(), *given, MSE, mask=MASK * 0.5)
    assert found[0] == rb.evaluate(net(), padded(x, 0), y, MSE, mask=MASK * 0.5)[0]


@pytest.mark.parametrize("value", [-1, 99, 255])
def test_symbols_after_the_end(value: int) -> None:
    model = rb.Sequential(rb.Embedding(6, 4, rng=0), rb.LSTM(4, 5, rng=1), rb.Dense(5, 6, rng=2))
    x, loss = np.random.default_rng(0).integers(0, 6, (T, B)), rb.losses.CrossEntropy()
    given = padded(x, value)
    expected = rb.bptt(model, padded(x, 0), padded(x, 0), loss, mask=MASK, chunk=4)
    assert_same_bits(rb.bptt(model, given, given, loss, mask=MASK, chunk=4), expected)


def test_numbers_that_float32_does_not_hold_after_the_end() -> None:
    x, y = reals(T, B, 3, dtype=np.float64), reals(T, B, 1)
    expected = rb.bptt(net(), padded(x, 0), y, MSE, mask=MASK)
    assert_same_bits(rb.bptt(net(), padded(x, 1e300), y, MSE, mask=MASK), expected)


def test_training_on_padded_sequences(tmp_path: Any) -> None:
    x, y = reals(T, B, 3), reals(T, B, 1)
    ended = LENGTHS > 0
    params, losses = [], []
    for value in (0.0, np.nan):
        model = net()
        parts = (np.ascontiguousarray(padded(a, value).swapaxes(0, 1)[ended]) for a in (x, y))
        data = rb.Sequences(*parts, mask=MASK.T[ended], batch_size=2)
        rb.fit(model, data, MSE, "adam", epochs=3, validation=data)
        params.append(model.params)
        losses.append(validation_loss(model, data, MSE))
    assert losses[0] == losses[1]
    for name, p in params[0].items():
        np.testing.assert_array_equal(p, params[1][name])


def test_a_mapped_file_with_padding(tmp_path: Any) -> None:
    x, y = reals(T, B, 3), reals(T, B, 1)
    np.save(tmp_path / "x.npy", padded(x, np.nan))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    expected = rb.bptt(net(), padded(x, 0), y, MSE, mask=MASK, chunk=4, dx=True)
    assert_same_bits(rb.bptt(net(), mapped, y, MSE, mask=MASK, chunk=4, dx=True), expected)
    assert np.isnan(mapped[-1, 1]).all()


@pytest.mark.quick
def test_gradients_are_right_with_padding() -> None:
    x, y = reals(T, B, 3), reals(T, B, 1)
    rb.check_grads(net(), padded(x, np.nan), padded(y, np.nan), MSE, mask=MASK, samples=5)


@pytest.mark.parametrize("backend", ["numpy", "interpreter"])
def test_every_backend_reads_zeros(backend: str) -> None:
    x, y = reals(T, B, 3), reals(T, B, 1)
    expected = rb.bptt(net(), padded(x, 0), y, MSE, mask=MASK, chunk=4, backend=backend)
    assert_same_bits(
        rb.bptt(net(), padded(x, np.nan), y, MSE, mask=MASK, chunk=4, backend=backend), expected
    )


def gap() -> np.ndarray:
    mask = MASK.copy()
    mask[1, 1] = False
    return mask


REFUSED: dict[str, Callable[[], Any]] = {
    "before the end": lambda: rb.bptt(
        net(), padded(reals(T, B, 3), np.nan, gap()), reals(T, B, 1), MSE, mask=gap()
    ),
    "without a mask": lambda: rb.bptt(net(), padded(reals(T, B, 3), np.nan), reals(T, B, 1), MSE),
    "in predict": lambda: rb.predict(net(), padded(reals(T, B, 3), np.nan)),
    "before padding at the beginning": lambda: rb.evaluate(
        net(), padded(reals(T, B, 3), np.nan, MASK[::-1]), reals(T, B, 1), MSE, mask=MASK[::-1]
    ),
    "a mask that does not fit": lambda: rb.bptt(
        net(), padded(reals(T, B, 3), np.nan), reals(T, B, 1), MSE, mask=MASK[:-1]
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_later_step_looks_at_must_be_finite(case: str) -> None:
    with pytest.raises(ValueError, match=r"x is nan at \[\d+, \d, 0\]; inputs must be finite"):
        REFUSED[case]()


def test_the_ledger_counts_the_copies() -> None:
    import tracemalloc

    x, y, mask = reals(400, 64, 32), reals(400, 64, 1), np.ones((400, 64), bool)
    mask[200:, 1] = False
    x[~mask] = np.nan
    model = rb.Sequential(rb.RNN(32, 8, rng=0), rb.Dense(8, 1, rng=1))
    for _ in range(2):
        rb.release_memory()
        tracemalloc.start()
        stats = rb.bptt(model, x, y, MSE, mask=mask, dx=False, checkpoint="sqrt").stats
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak <= stats.peak_bytes * 1.01 + 65536
