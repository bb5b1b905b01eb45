"""Lookup tables in place of vectors of symbols: their bytes; models that need the vectors."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import assert_close
from tests.lookups import SYMBOLS, UNITS, layer_of, model_of, symbols, tables

pytest.importorskip("llvmlite")


def wide_layers(units: int) -> tuple[rb.Layer | rb.Recurrent, ...]:
    """An Embedding of bytes that is looked up if the LSTM has many units, the LSTM, a head."""
    rng = np.random.default_rng(0)
    lstm = rb.LSTM(64, units, rng=rng)
    return rb.Embedding(260, 64, rng=rng), lstm, rb.Dense(units, 260, rng=rng)


@pytest.mark.parametrize("checkpoint", ["all", "sqrt"])
@pytest.mark.parametrize("units", [UNITS, 200])
@pytest.mark.one_in(2)
def test_bytes(units: int, checkpoint: str) -> None:
    """Forecast, ledger and tracemalloc."""
    x, loss = np.random.default_rng(0).integers(0, 260, (64, 8)), rb.losses.CrossEntropy()
    model = rb.Sequential(*wide_layers(units))
    given: Any = {"checkpoint": checkpoint, "chunk": 8, "backend": "llvm"}
    assert tables(model, x) == (units == 200)
    expected = rb.forecast(model, loss, steps=64, batch=8, **given)
    rb.bptt(model, x, x, loss, **given)
    gc.collect()
    tracemalloc.start()
    try:
        stats = rb.bptt(model, x, x, loss, **given).stats
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert stats.peak_bytes == expected.peak_bytes
    assert abs(peak - stats.peak_bytes) < max(0.01 * peak, 256 * 1024)


@pytest.mark.parametrize(("units", "fewer"), [(UNITS, 0), (200, 64 * 8 * 64 * 4)])
def test_a_tape_holds_numbers_of_symbols(units: int, fewer: int) -> None:
    """They take as much as the symbols themselves; a Tanh between makes it hold vectors."""
    x, loss = np.random.default_rng(0).integers(0, 260, (64, 8)), rb.losses.CrossEntropy()
    layer, *rest = wide_layers(units)
    given: Any = {"checkpoint": "all", "chunk": 8, "backend": "llvm"}
    narrow, wide = (
        rb.bptt(rb.Sequential(layer, *more, *rest), x, x, loss, **given).stats
        for more in ([], [rb.Tanh()])
    )
    assert wide.peak_bytes_by_kind["tape"] - narrow.peak_bytes_by_kind["tape"] == fewer


def test_predictions_and_losses() -> None:
    (x, target), model = symbols(), model_of(layer_of("embedding", "float64"), "gru")
    wide = rb.Sequential(
        model.blocks[0], rb.ReLU(), rb.Dense(13, 13, rng=4, dtype="float64"), *model.blocks[1:]
    )
    for one in (model, wide):
        found = rb.bptt(one, x, target, rb.losses.CrossEntropy(), backend="interpreter").loss
        assert rb.evaluate(one, x, target, rb.losses.CrossEntropy(), chunk=9)[0] == pytest.approx(
            found, rel=1e-13
        )
    assert (tables(model, x), tables(wide, x)) == (1, 0)


def head() -> rb.Dense:
    return rb.Dense(UNITS, SYMBOLS, rng=2, dtype="float64")


def taken_with(other: rb.Layer | rb.Recurrent) -> rb.Graph:
    """Vectors that a Recurrent takes, and another layer."""
    value, layer = rb.Input(), layer_of("embedding", "float64")
    vectors = layer(value)
    return rb.Graph(
        value, head()(rb.RNN(13, UNITS, rng=1, dtype="float64")(vectors) + other(vectors))
    )


def taken_twice_in_the_cell() -> rb.Sequential:
    x, h = rb.Input(UNITS), rb.State(UNITS)
    new = rb.Tanh()(rb.Dense((UNITS, UNITS), UNITS, rng=1, dtype="float64")(x, h)) * x
    cell = rb.Recurrent(rb.Cell(x, {h: new}, output=new))
    return rb.Sequential(rb.Embedding(SYMBOLS, UNITS, rng=0, dtype="float64"), cell, head())


NEEDED: dict[str, Any] = {
    "two takers": lambda: taken_with(rb.RNN(13, UNITS, rng=2, dtype="float64")),
    "also the output": lambda: taken_with(rb.Dense(13, UNITS, rng=5, dtype="float64")),
    "many symbols": lambda: model_of(rb.Embedding(1000, 13, rng=0, dtype="float64"), "rnn"),
    "taken twice in the cell": taken_twice_in_the_cell,
}


@pytest.mark.parametrize("case", NEEDED)
def test_where_vectors_are_needed_they_are_made(case: str) -> None:
    model, (x, target) = NEEDED[case](), symbols()
    assert tables(model, x) == 0
    found, wanted = (
        rb.bptt(model, x, target, rb.losses.CrossEntropy(), chunk=7, backend=name)
        for name in ("llvm", "interpreter")
    )
    assert_close(found, wanted, 1e-13)
