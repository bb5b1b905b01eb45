"""Forecast bytes against tracemalloc's: horizons, states, losses of one's own, NumPy's buffers."""

from __future__ import annotations

import ctypes
import gc
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.planning.objects import ways_of
from tests.byte_models import own_cell
from tests.programs import half_square
from tests.schedule_checks import figures
from tests.traced_runs import BACKENDS, MSE, SCHEDULES, real, traced


def stack(dtype: str) -> Any:
    """Two cells whose gates are parts of one array, and layers around them."""
    made = {"dtype": dtype, "rng": 0}
    cells = [rb.GRU(13, 24, **made), rb.Dropout(0.3), rb.LSTM(24, 24, **made)]
    return rb.Sequential(
        rb.Dense(8, 13, **made), *cells, rb.LayerNorm(24, dtype=dtype), rb.Dense(24, 5, **made)
    )


def opaque(dtype: str) -> Any:
    return rb.Sequential(own_cell(8, 16, dtype, 0), rb.Tanh(), rb.Dense(16, 5, dtype=dtype, rng=1))


def without_states(dtype: str) -> Any:
    return rb.Sequential(rb.Dropout(0.3), rb.Dense(8, 5, dtype=dtype, rng=1))


MODELS = {f.__name__: f for f in (stack, opaque, without_states)}


@pytest.mark.one_in(6)
@pytest.mark.parametrize("batch", [2, 128])
@pytest.mark.parametrize("schedule", ["all", "thin"])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_arrays_and_objects_are_what_tracemalloc_finds(
    backend: str, model: str, schedule: str, batch: int
) -> None:
    """Of all sizes: a small batch takes objects above all, a large one NumPy's buffers."""
    x, target = real(29, batch, 8, dtype="float64"), real(29, batch, 5, dtype="float64")
    run = {"checkpoint": SCHEDULES[schedule], "chunk": 8, "backend": backend}
    peak, stats = traced(MODELS[model]("float64"), x, target, **run)
    told = stats.peak_bytes + stats.object_bytes
    assert abs(peak - told) <= max(0.01 * told, 2**16), f"tracemalloc {peak}, told {told}"
    assert stats.object_bytes <= 200_000


@pytest.mark.parametrize("units", [pytest.param(1, marks=pytest.mark.long), 60])
@pytest.mark.parametrize(
    "kind", [rb.schedules.Optimal, pytest.param(rb.schedules.MSM, marks=pytest.mark.long)]
)
def test_tables_of_a_schedule_are_counted(kind: Any, units: int) -> None:
    """Of 60 units they are far more than the rest: 100 and 240 kB."""
    x, target = real(60, 1, 8, dtype="float64"), real(60, 1, 5, dtype="float64")
    run = {"checkpoint": kind(60, units, 2), "chunk": 1, "backend": "numpy"}
    peak, stats = traced(stack("float64"), x, target, **run)
    assert abs(peak - stats.peak_bytes - stats.object_bytes) <= 2**15


@pytest.mark.parametrize(
    ("counts", "whole", "short"),
    [
        ({"Record": 1, "Backward": 1}, 0, 0),
        ({"Record": 3, "Backward": 1}, 0, 1),  # of the last chunk, which is shorter, alone
        ({"Record": 3, "Backward": 2}, 0, 2),
        ({"Keep": 2, "Record": 1, "Backward": 1}, 1, 1),  # the peak comes before any Rebuild
        ({"Keep": 2, "Record": 1, "Backward": 2, "Rebuild": 1}, 2, 3),
        ({"Advance": 2, "Store": 1, "Record": 1}, 0, 0),
    ],
)
def test_ways_that_chunks_have_been_run_in(counts: Any, whole: int, short: int) -> None:
    assert (ways_of(counts, 30, 10), ways_of(counts, 25, 10)) == (whole, short)


@pytest.mark.parametrize("cell", [rb.LSTM, rb.GRU])
@pytest.mark.parametrize(("steps", "chunk"), [(21, 21), (60, 9)])
@pytest.mark.one_in(2)
def test_numpy_s_buffers_for_parts_of_arrays_are_counted(cell: Any, steps: int, chunk: int) -> None:
    """Of gates that are parts of one array: three of 64 KiB at once, where little else is alive."""
    made = {"dtype": "float64", "rng": 0}
    model = rb.Sequential(
        rb.Embedding(5, 13, **made), cell(13, 24, **made), rb.Dense(24, 5, **made)
    )
    x = np.random.default_rng(0).integers(0, 5, (steps, 33))
    peak, stats = traced(model, x, x, rb.losses.CrossEntropy(), chunk=chunk, backend="numpy")
    told = stats.peak_bytes + stats.object_bytes
    assert abs(peak - told) <= 2**16, f"tracemalloc {peak}, told {told}"


@pytest.mark.parametrize("horizon", [4, 8, 40])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_forecast_knows_where_gradients_end(schedule: str, horizon: int) -> None:
    model, how = (
        rb.LSTM(8, 16, rng=0),
        {"checkpoint": SCHEDULES[schedule], "chunk": 4, "horizon": horizon},
    )
    stats = rb.bptt(model, real(22, 300, 8), real(22, 300, 16), MSE, **how).stats
    expected = rb.forecast(model, MSE, steps=22, batch=300, **how)
    assert {name: getattr(stats, name) for name in figures(expected)} == figures(expected)


def test_a_horizon_is_the_length_of_chunks_by_default() -> None:
    told = rb.forecast(rb.LSTM(3, 4, rng=0), MSE, steps=100, batch=2, horizon=20)
    assert told == rb.forecast(rb.LSTM(3, 4, rng=0), MSE, steps=100, batch=2, horizon=20, chunk=20)
    assert told.chunks == 5
    with pytest.raises(ValueError, match="forecast: horizon 20 is not a multiple of chunk 3"):
        rb.forecast(rb.LSTM(3, 4, rng=0), MSE, steps=100, batch=2, horizon=20, chunk=3)
    with pytest.raises(ValueError, match="forecast: horizon must be"):
        rb.forecast(rb.LSTM(3, 4, rng=0), MSE, steps=100, batch=2, horizon=0)


def test_states_that_the_caller_holds_are_not_counted() -> None:
    model, x, target = rb.LSTM(8, 16, rng=0), real(8, 300, 8), real(8, 300, 16)

    def peak(*given: np.ndarray) -> int:
        return int(rb.bptt(model, x, target, MSE, chunk=4, state=given or None).stats.peak_bytes)

    h, c = real(300, 16), real(300, 16)
    assert peak() - peak(h, c) == h.nbytes + c.nbytes
    assert peak() == peak(h.astype("float64"), c.astype("float64"))  # copied
    assert peak() - peak(h, real(16, 300).T) == h.nbytes


def square(y: Any, target: Any) -> Any:
    """The same, but it does not declare what it takes."""
    return half_square(y, target)


def test_a_loss_of_ones_own_may_declare_what_it_takes() -> None:
    def thrifty(y: Any, target: Any) -> Any:
        return square(y, target)

    thrifty.spare = 1  # type: ignore[attr-defined]
    model, x = rb.LSTM(8, 64, rng=0), real(16, 128, 8)
    peaks = [rb.bptt(model, x, None, loss, chunk=16).stats.peak_bytes for loss in (square, thrifty)]
    told = [
        rb.forecast(model, loss, steps=16, batch=128, chunk=16).peak_bytes
        for loss in (square, thrifty)
    ]
    assert peaks == told
    assert peaks[0] - peaks[1] == 16 * 128 * 64 * 4


@pytest.mark.parametrize(
    ("spare", "error"),
    [(-1, ValueError), ("two", TypeError), (float("inf"), ValueError), (True, TypeError)],
)
def test_what_a_loss_cannot_declare(spare: Any, error: type[Exception]) -> None:
    def loss(y: Any, target: Any) -> Any:
        return square(y, target)

    loss.spare = spare  # type: ignore[attr-defined]
    with pytest.raises(error, match=r"loss\.spare must"):
        rb.bptt(rb.LSTM(3, 4, rng=0), real(4, 2, 3), None, loss)


def test_jobs_make_no_types_anew() -> None:
    """Each would be a kilobyte that stays until garbage is collected."""

    kind = type(ctypes.c_int64 * 1)

    def types() -> int:
        return sum(isinstance(found, kind) for found in gc.get_objects())

    model, x, target = stack("float32"), real(12, 3, 8), real(12, 3, 5)
    rb.bptt(model, x, target, MSE, chunk=5)
    gc.collect()
    gc.disable()
    try:
        before = types()
        for _ in range(3):
            rb.release_memory()
            rb.bptt(model, x, target, MSE, chunk=5)
        assert types() == before
    finally:
        gc.enable()


@pytest.mark.parametrize("backend", BACKENDS)
def test_jobs_of_many_rows_take_little_memory(backend: str) -> None:
    model, x, target = (
        rb.Sequential(rb.Dense(1, 1, rng=0)),
        real(30, 12_000, 1),
        real(30, 12_000, 1),
    )
    peak, stats = traced(model, x, target, chunk=10, backend=backend)
    told = stats.peak_bytes + stats.object_bytes
    assert abs(peak - told) <= 0.01 * told + 2**16, f"tracemalloc {peak}, told {told}"
