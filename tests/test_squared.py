"""The squared error in machine code: its sums, its bits in rounds, what it refuses, its bytes."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.bptt.stretches import StretchRunner
from rnnbp.machine.arrays import TOGETHER
from rnnbp.machine.squared import squared
from rnnbp.machine.team import rounds
from rnnbp.numerics import NonFiniteError
from tests.helpers import reals

pytest.importorskip("llvmlite")
STEPS, BATCH, UNITS = 203, 3, 9
LOSSES = {
    "mse": rb.losses.MeanSquaredError(),
    "times a number": 0.3 * rb.losses.MeanSquaredError(),
    "a hundredth of cross-entropy": 0.01 * rb.losses.CrossEntropy(),
}


@pytest.fixture(autouse=True)
def kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses are machine code too, whatever the environment names."""
    monkeypatch.setenv("RNNBP_BACKEND", "llvm")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 3, 8, 17, 31, 64, 1000, 3 * TOGETHER + 5])
def test_sums_and_derivatives(n: int, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    y, x = (reals(n, dtype=dtype, seed=k) for k in (1, 2))
    out, found = np.empty_like(y), set[tuple[float, bytes]]()
    for threads in ("1", "2", "3"):
        monkeypatch.setenv("RNNBP_NUM_THREADS", threads)
        found.add((squared(y, x, out, 0.7), out.tobytes()))
    ((value, dy),) = found
    d = y - x
    assert dy == (2 * d * y.dtype.type(0.7)).tobytes()
    assert math.isclose(value, math.fsum(map(float, d * d)), rel_tol=1e-14)


def test_a_square_that_float32_cannot_hold_is_infinite() -> None:
    value, dy = rb.losses.MeanSquaredError()(np.float32([[1e30, 0]]), np.float32([[0, 0]]))
    assert value == math.inf
    assert dy[0, 0] == np.float32(1e30)


def of_run(loss: rb.losses.Loss, target: Any, **run: Any) -> list[Any]:
    model = rb.Sequential(rb.LSTM(4, UNITS, rng=0), rb.Dense(UNITS, 5, rng=1))
    found = rb.bptt(model, reals(STEPS, BATCH, 4, dtype="float32"), target, loss, **run)
    return [found.loss, found.stats.peak_bytes, *[g.tobytes() for g in found.grads.values()]]


def target_of(loss: rb.losses.Loss) -> Any:
    if "CrossEntropy" in repr(loss):
        return np.random.default_rng(1).integers(0, 5, (STEPS, BATCH))
    return reals(STEPS, BATCH, 5, dtype="float32", seed=9)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rounds of each call."""
    found, run = list[int](), rounds.run
    monkeypatch.setattr(rounds, "run", lambda turns, n: (found.append(n), run(turns, n)))
    return found


@pytest.mark.parametrize("chunk", [5, 7])
@pytest.mark.parametrize("name", LOSSES)
def test_the_same_bits_in_rounds_and_without(
    name: str, chunk: int, counted: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    loss = LOSSES[name]
    target = target_of(loss)
    rounded, chunks = of_run(loss, target, chunk=chunk), STEPS // chunk
    assert sum(counted) >= 2 * (chunks - 2) - 1  # both ways
    counted.clear()
    monkeypatch.setattr(StretchRunner, "most", 0)
    assert of_run(loss, target, chunk=chunk) == rounded
    assert not counted


def test_a_target_of_float64_goes_in_rounds(counted: list[int]) -> None:
    of_run(LOSSES["mse"], target_of(LOSSES["mse"]).astype(np.float64), chunk=5)
    assert sum(counted) == 79


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "of another dtype": lambda t: t.astype(np.float64),
    "in another order": np.asfortranarray,
    "every other one": lambda t: np.repeat(t, 2, axis=2)[..., ::2],
}


@pytest.mark.parametrize("how", LAYOUTS)
def test_targets_of_any_layout(how: str) -> None:
    loss, target = LOSSES["mse"], target_of(LOSSES["mse"])
    expected, found = (of_run(loss, t, chunk=5) for t in (target, LAYOUTS[how](target)))
    assert found[2:] == expected[2:]
    assert found[0] == pytest.approx(expected[0], rel=1e-6)


def test_a_target_that_is_not_finite_is_named_by_its_step() -> None:
    target = target_of(LOSSES["mse"])
    target[77, 1, 2] = np.nan
    with pytest.raises(NonFiniteError, match=r"target has nan at \[77, 1, 2\]"):
        of_run(LOSSES["mse"], target, chunk=5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_sum_refuses_a_target_that_is_not_finite(bad: float, dtype: str) -> None:
    y, target = (reals(4, 3, dtype=dtype, seed=k) for k in (1, 2))
    target[2, 1] = bad
    for array in (y, target):
        array.flags.writeable = False
    with pytest.raises(NonFiniteError, match=r"target has -?(nan|inf) at \[2, 1\]"):
        rb.losses.MeanSquaredError().summed(y, target)


def test_outputs_that_are_not_finite_have_a_loss_that_is_not() -> None:
    y, target = reals(4, 3, dtype="float32"), reals(4, 3, dtype="float32", seed=1)
    y[2, 1] = np.nan
    value, dy = rb.losses.MeanSquaredError()(y, target)
    assert math.isnan(value)
    assert np.argwhere(np.isnan(dy)).tolist() == [[2, 1]]


@pytest.mark.parametrize("masked", [False, True], ids=["all", "masked"])
@pytest.mark.parametrize("backend", ["llvm", "numpy"])
def test_bytes(backend: str, masked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RNNBP_BACKEND", backend)
    wide = 3000
    model = rb.Sequential(rb.RNN(4, 5, rng=0), rb.Dense(5, wide, rng=1))
    x, target = reals(40, 6, 4, dtype="float32"), reals(40, 6, wide, dtype="float32", seed=1)
    mask = np.random.default_rng(2).random((40, 6)) < 0.7 if masked else None
    how: dict[str, Any] = {"mask": mask, "chunk": 10, "checkpoint": "sqrt"}
    rb.bptt(model, x, target, LOSSES["mse"], **how)
    tracemalloc.start()
    try:
        found = rb.bptt(model, x, target, LOSSES["mse"], **how)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    told = found.stats.peak_bytes + found.stats.object_bytes
    assert abs(peak - told) < max(told // 100, 2**16)
