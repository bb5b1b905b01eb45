"""Losses of one's own: PerStep, WholeSequence and bare functions, under every chunk, schedule, budget and mask."""

from __future__ import annotations

import doctest
from functools import partial
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

T, B, N = 40, 3, 2
MSE = rb.losses.MeanSquaredError()
SCHEDULES: dict[str, Any] = {
    "all": "all",
    "sqrt": "sqrt",
    "revolve": lambda n: rb.schedules.Revolve(n, 2),
    "thin": lambda n: rb.schedules.ThinTapes(n, 3),
    "disk": lambda n: rb.schedules.EveryK(n, 2, "disk"),
}
CHUNKS = [1, 7, 32, 40]


MODEL = rb.Sequential(rb.RNN(N, 5, dtype="float64", rng=0), rb.Dense(5, N, dtype="float64", rng=1))


def numbers(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


X, TARGET = numbers(T, B, N), numbers(T, B, N, seed=1)
MASK = np.random.default_rng(2).random((T, B)) > 0.4
MASK[20:30] = False  # whole chunks of 7 without weight
LAST = np.zeros((T, B), bool)
LAST[[39, 12, 33], [0, 1, 2]] = True
WEIGHTS = {"none": None, "mask": MASK, "last": LAST, "floats": np.where(MASK, numbers(T, B) ** 2, 0)}


def elements(y: Any, target: Any) -> Any:
    return (y - target) ** 2, 2 * (y - target)


def steps(y: Any, target: Any) -> Any:
    return ((y - target) ** 2).mean(axis=-1), 2 * (y - target) / y.shape[-1]


def squares(y: Any, target: Any) -> Any:
    return ((y - target) ** 2).sum(), 2 * (y - target)


def mean(y: Any, target: Any) -> Any:
    return float(((y - target) ** 2).mean()), 2 * (y - target) / y.size


def esr(y: Any, target: Any, mask: Any = None) -> Any:
    """The error-to-signal ratio, of the steps that count."""
    w = np.ones(y.shape[:2]) if mask is None else mask
    d, energy = (y - target) * w[..., None], (w[..., None] * target**2).sum()
    return (d * (y - target)).sum() / energy, 2 * d / energy


class ErrorToSignal(rb.losses.Loss):
    """The same in closed form by chunks: its denominator depends on the target alone."""

    def summed(self, y: Any, target: Any, weights: Any = None) -> Any:
        w = np.ones(y.shape[:2]) if weights is None else weights
        return float((w[..., None] * (y - target) ** 2).sum()), 2 * w[..., None] * (y - target)

    def weight(self, target: Any, weights: Any = None, *, outputs: Any) -> float:
        w = np.ones(outputs[:2]) if weights is None else weights
        return float((w[..., None] * target**2).sum())


def run(loss: Any, *, target: Any = TARGET, **how: Any) -> Any:
    return rb.bptt(MODEL, X, target, loss, **how)


def close(found: Any, expected: Any, rtol: float = 1e-11) -> None:
    assert found.loss == pytest.approx(expected.loss, rel=rtol)
    for name, grad in expected.grads.items():
        np.testing.assert_allclose(found.grads[name], grad, rtol=rtol, atol=rtol * np.abs(grad).max())
    np.testing.assert_allclose(found.dx, expected.dx, rtol=rtol, atol=1e-14)


def same(found: Any, expected: Any) -> None:
    assert found.loss == expected.loss
    for name, grad in expected.grads.items():
        np.testing.assert_array_equal(found.grads[name], grad)
    np.testing.assert_array_equal(found.dx, expected.dx)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("f", [elements, steps])
def test_a_mean_by_steps_is_that_of_the_library(f: Any, chunk: int, weights: str) -> None:
    how = {"chunk": chunk, "mask": WEIGHTS[weights]}
    close(run(rb.losses.PerStep(f), **how), run(MSE, **how))


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("chunk", CHUNKS)
def test_a_ratio_over_the_whole_sequence_does_not_depend_on_chunks(chunk: int, weights: str) -> None:
    how = {"chunk": chunk, "mask": WEIGHTS[weights]}
    close(run(rb.losses.WholeSequence(esr), **how), run(ErrorToSignal(), **how))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("loss", [rb.losses.PerStep(elements), rb.losses.WholeSequence(esr), squares])
def test_every_schedule_gives_the_same_bits(loss: Any, schedule: str) -> None:
    found, expected = run(loss, chunk=7, checkpoint=SCHEDULES[schedule]), run(loss, chunk=7)
    assert found.loss == expected.loss
    close(found, expected, 1e-13)  # thin tapes agree to rounding


@pytest.mark.parametrize("loss", [rb.losses.PerStep(elements), rb.losses.WholeSequence(esr)])
def test_replaying_schedules_to_the_bit(loss: Any) -> None:
    same(run(loss, chunk=7, checkpoint="sqrt"), run(loss, chunk=7))


@pytest.mark.parametrize("loss", [rb.losses.PerStep(elements), rb.losses.WholeSequence(esr), squares])
def test_within_a_budget(loss: Any) -> None:
    close(run(loss, checkpoint="600 kB"), run(loss, chunk=T))


@pytest.mark.parametrize("horizon", [8, 20])
def test_truncated(horizon: int) -> None:
    close(run(rb.losses.WholeSequence(esr), horizon=horizon), run(ErrorToSignal(), horizon=horizon))


def test_evaluate_is_the_loss_of_a_run() -> None:
    for loss in (rb.losses.PerStep(steps), rb.losses.WholeSequence(esr), squares):
        found, _ = rb.evaluate(MODEL, X, TARGET, loss, mask=MASK, chunk=7)
        assert found == pytest.approx(run(loss, mask=MASK, chunk=7).loss, rel=1e-13)


@pytest.mark.parametrize("chunk", [1, 7, 32])
def test_a_mean_is_refused_where_chunks_are_summed(chunk: int) -> None:
    with pytest.raises(
        ValueError, match=r"(?s)mean does not add up over steps: .* \+ .*\.PerStep\(f\).*WholeSequence\(f\).*chunk=T"
    ):
        run(mean, chunk=chunk)
    with pytest.raises(ValueError, match="does not add up"):
        rb.evaluate(MODEL, X, TARGET, mean, chunk=chunk)


def test_the_error_says_what_was_found() -> None:
    ones = np.ones((T, B, N))
    value = lambda y, t: (1.05 * t.mean(), 1.05 * t / t.size)  # noqa: E731
    with pytest.raises(ValueError, match=r"1\.05 for 20 steps, but 1\.05 \+ 1\.05 = 2\.1 for their halves"):
        run(value, target=ones, chunk=20)


@pytest.mark.parametrize("chunk", [1, 7, T])
def test_evaluate_asks_for_no_derivative(chunk: int) -> None:
    """A function that is a figure alone may return None for it."""
    for loss in (lambda y, t: (squares(y, t)[0], None), rb.losses.PerStep(lambda y, t: ((y - t) ** 2, None)),
                 rb.losses.WholeSequence(lambda y, t: (squares(y, t)[0], None))):  # fmt: skip
        assert rb.evaluate(MODEL, X, TARGET, loss, chunk=chunk)[0] > 0


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


@pytest.mark.parametrize("f", [maximum, smooth, penalty_of_weights, derivative_of_a_mean, lambda y, t: esr(y, t)])
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
    still = rb.Sequential(rb.RNN(N, 5, dtype="float64", rng=0), rb.Dense(5, N, dtype="float64", weight_init=0.0))
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
        rb.RNN(N, 5, dtype="float64", rng=0), rb.Dense(5, N, dtype="float64", weight_init=0.0, bias_init=0.3)
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

    found, expected = run(finite, target=target, chunk=chunk, mask=mask), run(MSE, chunk=chunk, mask=mask)
    count = mask.sum() * N
    assert found.loss / count == pytest.approx(expected.loss, rel=1e-12)
    np.testing.assert_allclose(found.dx / count, expected.dx, rtol=1e-9, atol=1e-15)


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


def test_weights_need_values_of_steps() -> None:
    with pytest.raises(TypeError, match=r"squares takes \(y, target\), so weights must be 0 or 1.*PerStep"):
        run(squares, mask=WEIGHTS["floats"])
    with pytest.raises(
        TypeError, match=r"WholeSequence\(squares\): there is a mask, .*let it take \(y, target, mask\)"
    ):
        run(rb.losses.WholeSequence(squares), mask=MASK)


def test_a_penalty_has_no_target() -> None:
    def penalty(y: Any, target: Any) -> Any:
        assert target is None
        return np.abs(y), np.sign(y)

    found = run(rb.losses.PerStep(penalty), target=None, chunk=7, mask=MASK)
    close(found, run(rb.losses.MeanAbsoluteError(), target=np.zeros_like(TARGET), chunk=7, mask=MASK))


@pytest.mark.parametrize(
    "f", [lambda y, t: ((y - t) ** 2 / y.size, 2 * (y - t) / y.size), lambda y, t: (np.cumsum(y, 0), y[::-1])]
)
@pytest.mark.parametrize("chunk", [1, 7, T])
def test_values_that_depend_on_other_steps(f: Any, chunk: int) -> None:
    with pytest.raises(ValueError, match=r"the values of a step depend on other steps.*WholeSequence"):
        run(rb.losses.PerStep(f), chunk=chunk)


@pytest.mark.parametrize(
    ("values", "cure"),
    [
        (lambda y: float(y.sum()), "do not sum or average"),
        (lambda y: y.sum(axis=1), "do not sum or average"),
        (lambda y: y.sum(axis=-1, keepdims=True), "leave its last axis out"),
    ],
)
def test_values_of_another_shape(values: Any, cure: str) -> None:
    with pytest.raises(rb.ShapeError, match=rf"values must have y's shape .*{cure}"):
        run(rb.losses.PerStep(lambda y, t: (values(y), y)), chunk=7)


def test_logarithms_see_no_padding() -> None:
    """Neither 0, whose logarithm is infinite, nor NaN."""

    def poisson(y: Any, target: Any) -> Any:
        assert (target > 0).all()
        return np.exp(y) - target * y + np.log(target), np.exp(y) - target

    target = np.where(MASK[..., None], np.abs(TARGET) + 0.1, np.nan)
    y = rb.predict(MODEL, X)[0]
    full = np.exp(y) - target * y + np.log(target)
    assert run(rb.losses.PerStep(poisson), target=target, mask=MASK, chunk=7).loss == pytest.approx(
        full[MASK].mean(), rel=1e-12
    )


@pytest.mark.parametrize(
    "module",
    [
        "rnnbp.losses",
        "rnnbp.losses.base",
        "rnnbp.losses.elementwise",
        "rnnbp.losses.per_step",
        "rnnbp.losses.whole_sequence",
    ],
)
def test_examples_of_help_run(module: str) -> None:
    found = doctest.testmod(__import__(module, fromlist=["x"]))
    assert found.attempted
    assert not found.failed
