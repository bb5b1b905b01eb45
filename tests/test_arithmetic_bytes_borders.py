"""Bytes of arithmetic outside cells, where one feature is repeated for others: as predicted."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.traced_runs import real, traced

MSE = rb.losses.MeanSquaredError()
STEPS = 48
SIZES = [(16, 64), pytest.param((512, 2), marks=pytest.mark.long)]
"""(batch, features): of many features one is little, of two it is half."""
MODELS: dict[str, Callable[[Any, Any], Any]] = {
    "sum": lambda a, b: a + b,
    "sum of three": lambda a, b: rb.Add(3)(b, a, b),
    "difference": lambda a, b: b - a,
    "difference, reversed": lambda a, b: a - b,
    "product": lambda a, b: b * a,
    "product of three": lambda a, b: rb.Multiply()(a, b, a),
    "quotient": lambda a, b: a / (b + 3),
    "quotient, reversed": lambda a, b: b / (np.exp(a) + 1),
    "choices": lambda a, b: rb.Maximum()(a, b) + rb.Minimum()(b, a),
    "reductions": lambda a, b: rb.Sum()(a) * a - rb.Mean()(a) * b,
    "a matrix": lambda a, b: rb.MatVec()(a, a[:8]),
    "a gain": lambda a, b: rb.Gain(a.shape[0])(rb.Clip(-1, 1)(a)) + rb.Gain(1)(b),
    "arrays": lambda a, b: a * np.arange(a.shape[0]) - np.ones(a.shape[0]) + b,
    "powers": lambda a, b: abs(a) ** 0.5 + a**3 + 1 / (1 + a**2) - np.log(1 + b**2),
}


def model(name: str, width: int) -> rb.Graph:
    x = rb.Input(width)
    h = rb.RNN(width, width, rng=0)(x)
    out = MODELS[name](rb.Tanh()(h), rb.Dense(width, 1, rng=1)(h))
    return rb.Graph(x, rb.Dense(out.shape[0], width, rng=2)(out))


@pytest.mark.parametrize("chunk", [STEPS, pytest.param(16, marks=pytest.mark.long)])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("name", MODELS)
def test_bytes_of_a_run_are_those_of_the_forecast(
    name: str, sizes: tuple[int, int], chunk: int
) -> None:
    batch, width = sizes
    net = model(name, width)
    x, target = real(STEPS, batch, width), real(STEPS, batch, width)
    peak, stats = traced(net, x, target, MSE, chunk=chunk, backend="numpy")
    told = stats.peak_bytes + stats.object_bytes
    assert abs(peak - told) <= 2**15 + told // 100, (peak, stats.peak_bytes, stats.object_bytes)
    forecast = rb.forecast(net, MSE, steps=STEPS, batch=batch, chunk=chunk, backend="numpy")
    assert forecast.peak_bytes == stats.peak_bytes


def test_deltas_of_a_matrix_take_no_buffer() -> None:
    """NumPy's product of what it repeats would: 128 KB here, several times the arrays."""
    layer, dy = rb.MatVec(), real(33, 24, dtype="float64")
    saved = real(33, 24 * 13, dtype="float64"), real(33, 13, dtype="float64")
    tracemalloc.start()
    try:
        found = layer.backward_inputs(saved, dy)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak - sum(each.nbytes for each in found) < 2**14
