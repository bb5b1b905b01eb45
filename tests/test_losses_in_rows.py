"""The squared error of sorted rows of which some end, by machine code and without a copy of the target."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.machine.squared import readable_rows, squared_rows
from tests.helpers import UseThreads, assert_same_bits, assert_same_named
from tests.over_time_bytes import BATCH, CHUNK, MSE, Problem

pytest.importorskip("llvmlite")
pytestmark = pytest.mark.usefixtures("by_kernels")
Arrays = np.ndarray[Any, Any]
LENGTHS = np.array([9, 40, 17, 33])
ORDERS: dict[str, Arrays | None] = {"sorted": np.array([5, 0, 3, 1]), "as passed": None}
ENDS = {"some end": [9, 8, 2, 0], "all go on": [9, 9, 9, 9], "none": [0, 0, 0, 0]}


@pytest.fixture
def by_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Machine code, whatever the suite runs with."""
    monkeypatch.setenv("RNNBP_BACKEND", "llvm")


def series(*shape: int, dtype: str = "float64") -> Arrays:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("features", [1, 67, 20_000])
def test_it_is_that_of_numpy(dtype: str, ends: str, order: str, features: int) -> None:
    y, whole = series(9, 4, features, dtype=dtype), series(9, 6, features, dtype=dtype)
    rows, ended = ORDERS[order], np.array(ENDS[ends])
    value, dy = squared_rows(y, whole, rows, ended, 0.37)
    alive = (np.arange(9)[:, None] < ended)[..., None]
    d = np.where(alive, y - whole[:, np.arange(4) if rows is None else rows], 0)
    assert value == pytest.approx(float((d * d).sum(dtype=np.float64)), rel=1e-14)
    assert np.array_equal(dy, 2 * d * y.dtype.type(0.37))


@pytest.mark.parametrize("batch", [4, 6])
def test_all_steps_may_count(batch: int) -> None:
    y, whole = series(90, 4, 70), series(90, batch, 70)
    value, dy = squared_rows(y, whole, None, None, 0.5)
    expected = squared_rows(y, whole, np.arange(4), np.full(4, 90), 0.5)
    assert value == pytest.approx(expected[0], rel=1e-14)
    assert np.array_equal(dy, y - whole[:, :4])
    assert np.array_equal(dy, expected[1])


def test_targets_are_read_as_they_lie() -> None:
    y, whole = series(9, 4, 5, 3), series(4, 12, 5, 6)
    views = [whole.swapaxes(0, 1)[:9, :, :, :3].copy(), whole.swapaxes(0, 1)[2:11, ..., :3]]
    batch_first = np.ascontiguousarray(whole[:, :9, :, :3]).swapaxes(0, 1)
    fits = partial(readable_rows, shape=(5, 3), dtype=y.dtype)
    assert [fits(view) for view in views] == [True, False]
    assert fits(batch_first)
    assert not fits(batch_first[::-1])
    assert not fits(batch_first.astype("float32"))
    found, expected = (
        squared_rows(y, t, None, np.full(4, 9), 1.0) for t in (batch_first, views[0])
    )
    assert found[0] == pytest.approx(expected[0], rel=1e-14)
    assert np.array_equal(found[1], expected[1])


def squares(y: Arrays, target: Arrays, mask: Arrays) -> tuple[float, Arrays]:
    """The mean as a function of the user's."""
    d = (y - target) * mask[..., None]
    return float((d * d).sum()) / LENGTHS.sum() / 70, 2 * d / LENGTHS.sum() / 70


@pytest.mark.parametrize("backward", [False, True])
def test_a_run_has_the_loss_and_gradients_of_a_function(backward: bool) -> None:
    x, target = series(40, 4, 3), series(40, 4, 70)
    run = partial(
        rb.bptt,
        rb.LSTM(3, 70, rng=0, reverse=backward, dtype="float64"),
        x,
        chunk=8,
        lengths=LENGTHS,
    )
    found, own = run(target, MSE), run(target, squares)
    assert found.loss == pytest.approx(own.loss, rel=1e-13)
    for path, grad in own.grads.items():
        assert np.allclose(found.grads[path], grad, rtol=1e-11, atol=1e-15), path
    assert np.allclose(found.dx, own.dx, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("checkpoint", ["all", "sqrt"])
def test_threads_and_schedules_have_the_same_bits(checkpoint: str, use_threads: UseThreads) -> None:
    x, target = series(40, 4, 3, dtype="float32"), series(40, 4, 8192, dtype="float32")
    layers = rb.Sequential(rb.LSTM(3, 8, rng=0), rb.Dense(8, 8192, rng=1))
    run = partial(rb.bptt, layers, x, target, MSE, chunk=8, lengths=LENGTHS)
    found = []
    for threads in (1, 2, 3):
        use_threads(threads)
        found.append(run(checkpoint=checkpoint if threads > 1 else "all"))
    for other in found[1:]:
        assert other.loss == found[0].loss
        assert_same_named(other.grads, found[0].grads)


def test_what_is_past_the_end_of_a_row_may_be_anything() -> None:
    x, target = series(40, 4, 3), series(40, 4, 70)
    run = partial(rb.bptt, rb.LSTM(3, 70, rng=0), x, chunk=8, lengths=LENGTHS)
    past = np.where(np.arange(40)[:, None, None] < LENGTHS[:, None], target, np.nan)
    assert_same_bits(run(past, MSE), run(target, MSE))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e200])
def test_a_sum_that_is_not_finite_is_left_to_what_says_why(value: float) -> None:
    y, target = series(9, 4, 70), series(9, 4, 70)
    target[3, 2, 5] = value
    assert MSE.summed_rows(y, target, None, np.full(4, 9), 1.0) is None
    assert MSE.summed_rows(y, target, None, np.array([9, 9, 3, 9]), 1.0) is not None


@pytest.mark.long
@pytest.mark.parametrize("checkpoint", ["all", "sqrt"])
def test_its_bytes_are_those_of_tracemalloc(checkpoint: str) -> None:
    rng, steps = np.random.default_rng(4), 20 * CHUNK
    lengths = rng.integers(steps // 10, steps + 1, BATCH)
    x, target = series(steps, BATCH, 3), series(steps, BATCH, 96)
    problem = Problem(rb.LSTM(3, 96, rng=0), x, target, MSE, {"lengths": lengths})
    found = problem.bytes(checkpoint=checkpoint)
    assert abs(found.forecast - found.ledger) <= max(found.ledger // 100, 2**16), found
    assert found.off == 0, found
