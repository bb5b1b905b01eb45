"""A person's own losses that several tests take, with data, masks and comparisons of runs."""

from __future__ import annotations

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
CHUNKS = [7, 40, *(pytest.param(n, marks=pytest.mark.long) for n in (1, 32))]


MODEL = rb.Sequential(rb.RNN(N, 5, dtype="float64", rng=0), rb.Dense(5, N, dtype="float64", rng=1))


def numbers(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


X, TARGET = numbers(T, B, N), numbers(T, B, N, seed=1)
MASK = np.random.default_rng(2).random((T, B)) > 0.4
MASK[20:30] = False  # whole chunks of 7 without weight
LAST = np.zeros((T, B), bool)
LAST[[39, 12, 33], [0, 1, 2]] = True
WEIGHTS = {
    "none": None,
    "mask": MASK,
    "last": LAST,
    "floats": np.where(MASK, numbers(T, B) ** 2, 0),
}


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
        np.testing.assert_allclose(
            found.grads[name], grad, rtol=rtol, atol=rtol * np.abs(grad).max()
        )
    np.testing.assert_allclose(found.dx, expected.dx, rtol=rtol, atol=1e-14)
