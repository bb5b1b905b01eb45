"""Bytes in evaluation mode, and of deltas and buffers that a run must declare or not hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.byte_models import own_cell
from tests.programs import half_square
from tests.schedule_checks import figures
from tests.traced_runs import BACKENDS, MSE, pieces, real, traced, traced_of

MADE: dict[str, Any] = {"dtype": "float64", "rng": 0}


def dropping() -> Any:
    """Outside cells."""
    return rb.Sequential(
        rb.Dropout(0.3), rb.LSTM(16, 16, **MADE), rb.Dropout(0.5), rb.Dense(16, 5, **MADE)
    )


def dropping_within() -> Any:
    return rb.Sequential(own_cell(16, 16, "float64", 0), rb.Dense(16, 5, **MADE))


def residual() -> Any:
    """Deltas of x come by two ways."""
    x = rb.Input(16)
    return rb.Graph(x, rb.Dense(16, 5, **MADE)(x + rb.GRU(16, 16, **MADE)(x)))


def wide() -> Any:
    """What a step makes is more than a state."""
    return rb.Sequential(rb.LSTM(16, 48, **MADE), rb.Dense(48, 5, **MADE))


def unread() -> Any:
    """A state that y does not depend on, whose layer's deltas nobody waits for."""
    x, h, c = rb.Input(16), rb.State(14, "h"), rb.State(16, "c")
    next_h = rb.Tanh()(rb.Dense((16, 14), 14, **MADE)(x, h))
    next_c = rb.Tanh()(rb.Dense((16, 16), 16, **MADE)(x, c))
    cell = rb.Recurrent(rb.Cell(x, {h: next_h, c: next_c}, output=next_c))
    return rb.Sequential(cell, rb.Dense(16, 5, **MADE))


MODELS = {f.__name__: f for f in (dropping, dropping_within, residual, wide, unread)}
CHECKPOINTS: dict[str, Any] = {"all": "all", "advanced": lambda n: rb.schedules.Revolve(n, 1)}


def data(steps: int, batch: int = 300) -> tuple[Any, Any]:
    return real(steps, batch, 16, dtype="float64"), real(steps, batch, 5, dtype="float64")


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("model", ["dropping", "dropping_within"])
@pytest.mark.parametrize("backend", [*BACKENDS, "interpreter"])
def test_a_forecast_knows_whether_layers_train(backend: str, model: str, training: bool) -> None:
    how = {"chunk": 7, "backend": backend, "training": training}
    stats = rb.bptt(MODELS[model](), *data(20), MSE, **how).stats
    expected = rb.forecast(MODELS[model](), MSE, steps=20, batch=300, x_shape=(16,), **how)
    assert {name: getattr(stats, name) for name in figures(expected)} == figures(expected)


def test_masks_of_dropout_are_kept_in_training_alone() -> None:
    """Those of the tail are gone when the peak comes, with the dropped values of the body."""
    model, how = (
        rb.Sequential(rb.Dropout(0.3), rb.LSTM(16, 16, **MADE)),
        {"steps": 20, "batch": 300, "x_shape": (16,)},
    )
    loss = rb.losses.MeanAbsoluteError()  # its arrays are the peak
    peaks = [
        rb.forecast(model, loss, backend="numpy", training=mode, **how).peak_bytes
        for mode in (True, False)
    ]
    assert peaks[0] - peaks[1] == 20 * 300 * 16 * (1 + 8)


def test_training_is_true_or_false() -> None:
    with pytest.raises(TypeError, match="forecast: training"):
        rb.forecast(wide(), MSE, steps=20, batch=2, training=1)  # type: ignore[arg-type]  # on purpose


@pytest.mark.long
@pytest.mark.one_in(6)
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("backend", [*BACKENDS, "interpreter"])
def test_arrays_are_what_tracemalloc_finds(
    backend: str, model: str, checkpoint: str, training: bool
) -> None:
    run = {
        "checkpoint": CHECKPOINTS[checkpoint],
        "chunk": 3,
        "backend": backend,
        "training": training,
    }
    peak, stats = traced(MODELS[model](), *data(12), **run)
    told = stats.peak_bytes + stats.object_bytes
    assert abs(peak - told) <= max(0.01 * told, 2**16), f"tracemalloc {peak}, told {told}"


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 6])
@pytest.mark.one_in(2)
def test_numpy_s_buffers_for_few_rows_are_counted(steps: int) -> None:
    """Of two operands that are parts of arrays, from three rows on."""
    model, x = rb.LSTM(2, 13, **MADE), real(3 * steps, 150, 2, dtype="float64")
    peak, stats = traced(model, x, None, half_square, chunk=steps, backend="numpy")
    told = stats.peak_bytes + stats.object_bytes
    assert abs(peak - told) <= 2**15, f"tracemalloc {peak}, told {told}"


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int32", "int64", "uint64"])
def test_one_hot_of_any_integers_leaves_them_as_they_are(dtype: str) -> None:
    given = np.random.default_rng(0).integers(0, 7, (6, 5)).astype(dtype)
    x = given[::2].T
    before = x.copy()
    y, _ = rb.OneHot(7).forward(x)
    np.testing.assert_array_equal(y, np.eye(7, dtype="float32")[before])
    np.testing.assert_array_equal(x, before)
    assert rb.OneHot(7).forward(x[:0])[0].shape == (0, 3, 7)


@pytest.mark.parametrize("dtype", ["bool", "float32"])
def test_weights_that_a_stream_s_end_adds_up_are_counted(dtype: str) -> None:
    """In parts that are longer than a chunk."""
    model, rng = (
        rb.Sequential(rb.LSTM(2, 3, rng=0), rb.Dense(3, 5, rng=1)),
        np.random.default_rng(0),
    )
    x, target, mask = real(25, 300, 2), rng.integers(0, 5, (25, 300)), np.ones((25, 300), dtype)
    mask[0] = 0
    loss = rb.losses.CrossEntropy()

    def run() -> Any:
        given = {
            "steps": 25,
            "chunk": 1,
            "backend": "numpy",
            "checkpoint": rb.schedules.EveryK(25, 5),
        }
        return rb.bptt(model, pieces(x), pieces(target), loss, mask=pieces(mask), **given).stats

    peak, stats = traced_of(run)
    told = stats.peak_bytes + stats.object_bytes
    assert abs(peak - told) <= 2**16, f"tracemalloc {peak}, told {told}"
