"""The ledger against tracemalloc: bytes by declaration, and bytes that NumPy allocated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.actions import Action, Backward, Keep, Rebuild
from rnnbp.support.prepared import forget_all
from tests import helpers, models
from tests.schedule_checks import figures
from tests.traced_runs import traced

real = partial(helpers.reals, dtype="float32")

MSE, CE = rb.losses.MeanSquaredError(), rb.losses.CrossEntropy()
T, B, N = 160, 32, 128


def symbols() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 50, (T, B))


def two_layers() -> rb.Sequential:
    return rb.Sequential(
        rb.Embedding(50, 32, rng=0),
        rb.LSTM(32, N, rng=1),
        rb.Dropout(0.3),
        rb.LSTM(N, N, rng=2),
        rb.Dropout(0.2),
        rb.Dense(N, 50, rng=3),
    )


MODELS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "LSTM": lambda: (rb.LSTM(32, N, rng=0), real(T, B, 32), real(T, B, N), MSE),
    "GRU": lambda: (rb.GRU(32, N, rng=0), real(T, B, 32), real(T, B, N), MSE),
    "two layers with dropout": lambda: (two_layers(), symbols(), symbols(), CE),
    "convolutional cell": lambda: (
        models.conv_cell(8, 16, "float32"),
        real(T, B, 1, 16),
        real(T, B, 128),
        MSE,
    ),
}


def thin_tapes(chunks: int) -> Iterator[Action]:
    """All states kept, internals rebuilt chunk by chunk."""
    for n in range(chunks):
        yield Keep(n)
    for n in reversed(range(chunks)):
        yield Rebuild(n)
        yield Backward(n)


SCHEDULES: dict[str, Any] = {
    "all": "all",
    "sqrt": "sqrt",
    "every chunk": lambda n: rb.schedules.EveryK(n, 1),
    "revolve": lambda n: rb.schedules.Revolve(n, 3),
    "thin tapes": lambda n: list(thin_tapes(n)),
}


@pytest.mark.one_in(18)
@pytest.mark.parametrize("chunk", [8, 20])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("model", MODELS)
def test_the_ledger_s_peak_is_tracemalloc_s(model: str, schedule: str, chunk: int) -> None:
    network, x, target, loss = MODELS[model]()
    peak, stats = traced(network, x, target, loss, checkpoint=SCHEDULES[schedule], chunk=chunk)
    told = stats.peak_bytes + stats.object_bytes
    assert abs(peak - told) <= max(0.01 * told, 2**16), f"tracemalloc {peak}, told {told}"


@pytest.mark.one_in(10)
@pytest.mark.parametrize("chunk", [8, 20, 23])
@pytest.mark.parametrize("schedule", [*SCHEDULES, "disk-revolve", "two-table optimum"])
@pytest.mark.parametrize("model", MODELS)
def test_the_forecast_is_the_ledger(model: str, schedule: str, chunk: int) -> None:
    """Every figure of the run, to the byte, from shapes alone."""
    network, x, target, loss = MODELS[model]()
    more = {
        "disk-revolve": lambda n: rb.schedules.DiskRevolve(n, 1, 0.1, 0.1),
        "two-table optimum": lambda n: rb.schedules.Optimal(n, 6, 3),
    }
    how = {"checkpoint": (SCHEDULES | more)[schedule], "chunk": chunk}
    expected = rb.forecast(network, loss, steps=40, batch=B, x_shape=x.shape[2:], **how)
    stats = rb.bptt(network, x[:40], target[:40], loss, **how).stats
    assert {name: getattr(stats, name) for name in figures(expected)} == figures(expected)


@pytest.mark.quick
def test_a_forecast_needs_what_layers_declare() -> None:
    class Own(rb.Layer):
        def __init__(self) -> None:
            self.params = {}

        def forward(self, x: np.ndarray) -> Any:
            return x, ()

        def backward_inputs(self, saved: Any, dy: np.ndarray) -> Any:
            return (dy,)

        def output_shapes(self, *shapes: Any) -> Any:
            return shapes

    x, h = rb.Input(3), rb.State(3)
    model = rb.Recurrent(rb.Cell(x, {h: Own()(rb.Dense((3, 3), 3)(x, h))}, output=h))
    with pytest.raises(
        TypeError, match=r"Own\(\): its bytes are not known; declare them by a method keeps"
    ):
        rb.forecast(model, MSE, steps=10, batch=2, x_shape=(3,))
    with pytest.raises(
        rb.ShapeError, match="does not say the feature shape of its input; give x_shape"
    ):
        rb.forecast(rb.Sequential(rb.Tanh(), rb.LSTM(3, 4)), MSE, steps=10, batch=2)


def test_a_first_layer_that_states_its_input_needs_no_x_shape() -> None:
    for model, shape in (
        (rb.LSTM(3, 4), (3,)),
        (rb.Sequential(rb.Dense(5, 3), rb.LSTM(3, 4)), (5,)),
        (two_layers(), ()),
    ):
        found, told = (
            rb.forecast(model, MSE, steps=10, batch=2, **given)
            for given in ({}, {"x_shape": shape})
        )
        assert found == told


def test_sizes_follow_what_is_changed_between_runs() -> None:
    """They are remembered by model.

    A layer's attribute, another output, a layer that cannot be a key.
    """
    x = np.ones((64, 32, 8), np.float32)

    def loss(y: Any, _: Any) -> Any:
        return float((y * y).sum()), 2 * y

    def peak(model: Any) -> int:
        return int(rb.bptt(model, x, None, loss, chunk=8).stats.peak_bytes)

    def dropping(p: float) -> Any:
        return rb.Sequential(rb.LSTM(8, 20, rng=0), rb.Dropout(p))

    model = dropping(0.5)
    assert peak(model) == peak(dropping(0.5)) > peak(dropping(0.0))
    before = peak(model)
    model.layers[1].set(p=0.0)
    changed = peak(model)
    forget_all()
    assert changed == peak(model) < before
    split, outputs = rb.Split(2, 6), []
    for k in (0, 1):
        first = rb.Input(8)
        outputs.append(rb.Graph(first, split(first)[k]))
    # A loss takes three arrays of the output; its delta, zeros and both joined are two of the input, whichever part.
    assert peak(outputs[1]) - peak(outputs[0]) == 8 * 32 * 4 * (3 * 6 - 2 * 8)


def test_a_layer_that_cannot_be_a_key_runs_by_itself() -> None:
    class Unhashable(type(rb.Tanh())):  # type: ignore[misc]  # the class is final to users, not to this test
        __hash__ = None

    x = np.ones((10, 2, 3), np.float32)
    result = rb.bptt(Unhashable(), x, None, lambda y, _: (float(y.sum()), np.ones_like(y)), chunk=5)
    np.testing.assert_allclose(result.dx, np.full_like(x, 1 - np.tanh(1) ** 2), rtol=1e-6)
