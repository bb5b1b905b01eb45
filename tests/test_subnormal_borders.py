"""Deltas that decay below the normal numbers become zero, and nothing else changes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.numerics import flush

T, B, N = 400, 3, 20
RNG = np.random.default_rng(0)
X = RNG.standard_normal((T, B, 2)).astype(np.float32)
LAST = np.zeros((T, B), bool)
LAST[-1] = True


def model(dtype: str = "float32") -> rb.Sequential:
    found = rb.Sequential(rb.RNN(2, N, dtype=dtype, rng=0), rb.Dense(N, 1, dtype=dtype, rng=1))
    found.params["0.weight_hh"][...] *= 0.5  # deltas shrink to about a third at each step
    return found


def run(backend: str, checkpoint: object = "all", dtype: str = "float32") -> rb.Gradients:
    target = np.zeros((T, B, 1))
    loss = rb.losses.MeanSquaredError()
    return rb.bptt(model(dtype), X, target, loss, mask=LAST, backend=backend, checkpoint=checkpoint)


@pytest.mark.parametrize("backend", ["llvm", "numpy"])
def test_no_delta_of_a_long_sequence_is_subnormal(backend: str) -> None:
    found = run(backend)
    tiny = np.finfo(np.float32).tiny
    deltas = np.abs(found.dstate[0][0])
    assert not ((deltas > 0) & (deltas < tiny)).any()
    assert not deltas.any()  # each would be 1e-45 for ever
    assert found.dx is not None
    assert not found.dx[: T // 2].any()
    exact = run("interpreter", dtype="float64")
    for name, grad in exact.grads.items():
        np.testing.assert_allclose(found.grads[name], grad, rtol=0, atol=2e-6 * np.abs(grad).max())
    assert exact.dx is not None
    np.testing.assert_allclose(
        found.dx, exact.dx, rtol=1e-3, atol=1e-30
    )  # small ones keep their digits


@pytest.mark.parametrize("backend", ["llvm", "numpy"])
def test_schedules_and_threads_agree_on_small_deltas(
    backend: str, use_threads: Callable[[int], None]
) -> None:
    expected = run(backend)
    for threads, checkpoint in ((1, "sqrt"), (2, "sqrt"), (2, "all")):
        use_threads(threads)
        found = run(backend, checkpoint)
        np.testing.assert_array_equal(found.dx, expected.dx)
        for name, grad in expected.grads.items():
            np.testing.assert_array_equal(found.grads[name], grad)


def test_flush_leaves_normal_numbers() -> None:
    tiny = np.finfo(np.float32).tiny
    x = np.array([1e-45, -1e-40, 0.0, -0.0, tiny, -tiny, 1.0, np.inf, np.nan] * 4000, np.float32)
    flush(x)
    np.testing.assert_array_equal(
        x, np.array([0, 0, 0, 0, tiny, -tiny, 1, np.inf, np.nan] * 4000, np.float32)
    )
