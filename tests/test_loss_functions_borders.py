"""Bare functions as losses: checked that their values add up over chunks; with masks."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.own_losses import (
    CHUNKS,
    LAST,
    MASK,
    MODEL,
    MSE,
    TARGET,
    WEIGHTS,
    B,
    N,
    T,
    X,
    close,
    esr,
    mean,
    run,
    squares,
)


@pytest.mark.parametrize("chunk", [1, 7, 32])
def test_a_mean_is_refused_where_chunks_are_summed(chunk: int) -> None:
    with pytest.raises(
        ValueError,
        match=r"(?s)mean does not add up over steps: .* \+ .*\.PerStep\(f\).*WholeSequence\(f\).*chunk=T",
    ):
        run(mean, chunk=chunk)
    with pytest.raises(ValueError, match="does not add up"):
        rb.evaluate(MODEL, X, TARGET, mean, chunk=chunk)


@pytest.mark.long
def test_the_first_script_of_a_user() -> None:
    """A mean is what it is in one chunk, whatever the budget, or an error says how to write it."""
    rng = np.random.default_rng(0)
    x, y = (
        rng.normal(size=(2000, 1, 3)).astype("float32"),
        rng.normal(size=(2000, 1, 1)).astype("float32"),
    )
    m = rb.Sequential(rb.LSTM(3, 8, rng=0), rb.Dense(8, 1, rng=1))
    f = lambda y, t: (float(((y - t) ** 2).mean()), 2 * (y - t) / y.size)  # noqa: E731
    wanted = rb.bptt(m, x, y, f, checkpoint="3 MB").loss  # one chunk
    for how in ({"checkpoint": "600 kB"}, {}):
        with pytest.raises(ValueError, match="PerStep"):
            rb.bptt(m, x, y, f, **how)
        for loss in (
            rb.losses.PerStep(lambda y, t: ((y - t) ** 2, 2 * (y - t))),
            rb.losses.WholeSequence(f),
        ):
            assert rb.bptt(m, x, y, loss, **how).loss == pytest.approx(wanted, rel=1e-6)


def test_the_error_says_what_was_found() -> None:
    ones = np.ones((T, B, N))
    value = lambda y, t: (1.05 * t.mean(), 1.05 * t / t.size)  # noqa: E731
    with pytest.raises(
        ValueError, match=r"1\.05 for 20 steps, but 1\.05 \+ 1\.05 = 2\.1 for their halves"
    ):
        run(value, target=ones, chunk=20)


def test_a_mean_of_one_chunk_is_right_as_it_is() -> None:
    close(run(mean, chunk=T), run(MSE, chunk=T))
    close(
        run(mean, chunk=7, mask=LAST & (np.arange(T) > 34)[:, None]),
        run(MSE, chunk=7, mask=LAST & (np.arange(T) > 34)[:, None]),
    )


def maximum(y: Any, target: Any) -> Any:
    at = np.abs(y).argmax(axis=0)
    dy = np.zeros_like(y)
    np.put_along_axis(dy, at[None], np.sign(np.take_along_axis(y, at[None], 0)), 0)
    return np.abs(y).max(axis=0).sum(), dy


def smooth(y: Any, target: Any) -> Any:
    d = np.diff(y, axis=0)
    dy = np.zeros_like(y)
    dy[1:] += 2 * d
    dy[:-1] -= 2 * d
    return (d**2).sum(), dy


def penalty_of_weights(y: Any, target: Any) -> Any:
    value, dy = squares(y, target)
    return value + 7.0, dy


def derivative_of_a_mean(y: Any, target: Any) -> Any:
    return 0.0, 2 * (y - target) / y.size


@pytest.mark.parametrize(
    "f", [maximum, smooth, penalty_of_weights, derivative_of_a_mean, lambda y, t: esr(y, t)]
)
@pytest.mark.parametrize("chunk", [1, 7])
def test_others_that_do_not_add_up(f: Any, chunk: int) -> None:
    with pytest.raises(ValueError, match="does not add up over steps"):
        run(partial(f), chunk=chunk)


class Method:
    """Losses with a state of their own."""

    def __init__(self, factor: float) -> None:
        self.factor, self.calls = factor, 0

    def loss(self, y: Any, target: Any) -> Any:
        self.calls += 1
        value, dy = squares(y, target)
        return self.factor * value, self.factor * dy


def test_a_function_is_checked_once() -> None:
    own, chunks = Method(2.0), 6
    run(own.loss, chunk=7)
    first = own.calls
    run(own.loss, chunk=7)
    assert (first - chunks, own.calls - first) == (3, chunks)


def test_nothing_is_learnt_from_zeros() -> None:
    """Where all is 0 in the chunk that comes first, the next one is looked at."""
    still = rb.Sequential(
        rb.RNN(N, 5, dtype="float64", rng=0), rb.Dense(5, N, dtype="float64", weight_init=0.0)
    )
    target = TARGET.copy()
    target[35:] = 0
    with pytest.raises(ValueError, match="does not add up"):
        rb.bptt(still, X, target, lambda y, t: mean(y, t), chunk=7)


def test_random_functions_are_not_checked() -> None:
    rng = np.random.default_rng(0)

    def noisy(y: Any, target: Any) -> Any:
        return squares(y, target + rng.normal(size=y.shape))

    assert np.isfinite(run(noisy, chunk=7).loss)


def test_sums_that_cancel_are_no_reason() -> None:
    signs = np.where(np.arange(T) % 2, 1.0, -1.0)[:, None, None] * np.ones((1, B, N))
    bias = lambda y, s: (float((y * s).sum(dtype=np.float32)), s)  # noqa: E731
    still = rb.Sequential(
        rb.RNN(N, 5, dtype="float64", rng=0),
        rb.Dense(5, N, dtype="float64", weight_init=0.0, bias_init=0.3),
    )
    found = rb.bptt(still, X, signs, bias, chunk=10)
    assert abs(found.loss) < 1e-4


@pytest.mark.parametrize("weights", ["mask", "last"])
@pytest.mark.parametrize("chunk", CHUNKS)
def test_a_function_sees_the_steps_that_count(chunk: int, weights: str) -> None:
    mask = WEIGHTS[weights]
    target = np.where(mask[..., None], TARGET, np.nan)

    def finite(y: Any, t: Any) -> Any:
        assert np.isfinite(t).all()
        return squares(y, t)

    found, expected = (
        run(finite, target=target, chunk=chunk, mask=mask),
        run(MSE, chunk=chunk, mask=mask),
    )
    count = mask.sum() * N
    assert found.loss / count == pytest.approx(expected.loss, rel=1e-12)
    np.testing.assert_allclose(found.dx / count, expected.dx, rtol=1e-9, atol=1e-15)


def batch_mean(y: Any, target: Any) -> Any:
    """The sum over steps of means over sequences: it adds up, but not over rows of a mask."""
    value, dy = squares(y, target)
    return value / y.shape[1], dy / y.shape[1]


@pytest.mark.parametrize("f", [batch_mean, maximum, smooth])
@pytest.mark.parametrize("chunk", [7, T])
def test_a_mask_needs_sums_over_sequences_too(f: Any, chunk: int) -> None:
    with pytest.raises(
        ValueError, match=r"does not sum over sequences as over steps.*PerStep.*\(y, target, mask\)"
    ):
        run(partial(f), chunk=chunk, mask=MASK)


def test_without_a_mask_it_need_not() -> None:
    assert run(batch_mean, chunk=7).loss * B == pytest.approx(run(squares, chunk=T).loss, rel=1e-12)


@pytest.mark.parametrize("weights", ["mask", "floats"])
@pytest.mark.parametrize("chunk", [7, T])
def test_a_function_may_take_the_mask(chunk: int, weights: str) -> None:
    mask = WEIGHTS[weights]

    def weighted(y: Any, target: Any, mask: Any) -> Any:
        d = (y - target) * mask[..., None]
        return (d * (y - target)).sum(), 2 * d

    found, expected = run(weighted, chunk=chunk, mask=mask), run(MSE, chunk=chunk, mask=mask)
    assert found.loss / (mask.sum() * N) == pytest.approx(expected.loss, rel=1e-12)
    close(run(weighted, chunk=chunk), run(squares, chunk=chunk))  # all True where there is none


def test_a_third_argument_with_a_default_is_no_mask() -> None:
    def scaled(y: Any, target: Any, factor: float = 0.5) -> Any:
        value, dy = squares(y, target)
        return factor * value, factor * dy

    assert 2 * run(scaled, mask=MASK).loss == pytest.approx(run(squares, mask=MASK).loss, rel=1e-14)
