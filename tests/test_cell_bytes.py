"""Bytes of the cells of the literature: forecast, counted, and allocated are one number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import rnnbp as rb
from tests.helpers import reals
from tests.schedule_checks import figures
from tests.traced_runs import traced

MSE = rb.losses.MeanSquaredError()
T, B, N_IN, N = 80, 16, 32, 96
OF_ALL: dict[str, Any] = {
    "peepholes": True, "projection": N_IN, "layer_norm": True, "coupled": True,
    "zoneout": (0.1, 0.2), "dropout": 0.1, "recurrent_dropout": 0.2,
}  # fmt: skip
CELLS: dict[str, tuple[Callable[..., rb.Recurrent], dict[str, Any]]] = {
    "lstm with all": (rb.LSTM, OF_ALL),
    "lstm, peepholes": (rb.LSTM, {"peepholes": True}),
    "gru": (rb.GRU, {"layer_norm": True, "zoneout": 0.1, "recurrent_dropout": 0.1}),
    "rnn": (rb.RNN, {"leak": 0.2, "layer_norm": True}),
    "indrnn": (rb.IndRNN, {}),
    "lru": (rb.LRU, {}),
    "mingru": (rb.MinGRU, {}),
    "mingru, positive": (rb.MinGRU, {"positive": True}),
    "minlstm": (rb.MinLSTM, {}),
    "slstm": (rb.SLSTM, {}),
}
SCHEDULES: dict[str, Any] = {"all": "all", "revolve": lambda n: rb.schedules.Revolve(n, 3)}


def posed(name: str) -> tuple[Any, ...]:
    build, options = CELLS[name]
    model, x = build(N_IN, N, rng=0, **options), reals(T, B, N_IN, dtype="float32")
    (y,) = model.output_shapes((N_IN,))
    return model, x, reals(T, B, *(y or ()), dtype="float32")


SHORT = [("mingru", "all", "llvm"), ("lru", "revolve", "numpy"), ("gru", "all", "llvm")]
SLOW = [("interpreter", "revolve")]
"""Backends and schedules for which CI has no time."""
LONG = [
    pytest.param(
        name,
        schedule,
        backend,
        marks=[pytest.mark.long, *[pytest.mark.grid] * ((backend, schedule) in SLOW)],
    )
    for name in CELLS
    for schedule in SCHEDULES
    for backend in ("interpreter", "numpy", "llvm")
    if (name, schedule, backend) not in SHORT
]


@pytest.mark.parametrize(("name", "schedule", "backend"), [*SHORT, *LONG])
def test_bytes_are_those_of_the_forecast_and_of_tracemalloc(
    name: str, schedule: str, backend: str
) -> None:
    model, x, target = posed(name)
    how = {"checkpoint": SCHEDULES[schedule], "chunk": 8, "backend": backend}
    expected = rb.forecast(model, MSE, steps=T, batch=B, **how)
    peak, stats = traced(model, x, target, MSE, **how)
    assert {figure: getattr(stats, figure) for figure in figures(expected)} == figures(expected)
    told = stats.peak_bytes + stats.object_bytes
    assert abs(peak - told) <= max(0.01 * told, 2**16), f"tracemalloc {peak}, told {told}"
