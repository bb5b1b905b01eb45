"""Bytes of cells of several layers in Python: what waits for parameters is counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.byte_models import Gained
from tests.plain_layers import AsPython
from tests.traced_runs import real, traced

MSE = rb.losses.MeanSquaredError()
WIDTH, STEPS, BATCH = 64, 64, 16
SYMBOLS = np.random.default_rng(0).integers(0, 20, (STEPS, BATCH))


def on_symbols(output: Callable[[Any, Any], Any]) -> rb.Recurrent:
    """A cell whose output is made of vectors of symbols, and its state."""
    x, h = rb.Input(()), rb.State(WIDTH, "h")
    e = rb.Embedding(20, WIDTH, rng=0)(x)
    return rb.Recurrent(
        rb.Cell(x, {h: rb.Tanh()(rb.Dense(WIDTH, WIDTH, rng=1)(h))}, output=output(e, h))
    )


def on_floats(
    output: Callable[[Any, Any], Any], *, next_state: Callable[[Any, Any], Any]
) -> rb.Recurrent:
    x, h = rb.Input(WIDTH), rb.State(WIDTH, "h")
    return rb.Recurrent(rb.Cell(x, {h: next_state(x, h)}, output=output(x, h)))


def gained(value: Any) -> Any:
    return Gained(WIDTH, "float32")(value)


def gelu(value: Any) -> Any:
    return AsPython(rb.GELU())(value)


def mixed(x: Any, h: Any) -> Any:
    return rb.Tanh()(rb.Dense((WIDTH, WIDTH), WIDTH, rng=2)(x, h))


CELLS: dict[str, Callable[[], rb.Recurrent]] = {
    "GELU of symbols": lambda: on_symbols(lambda e, _: gelu(e)),
    "GELU of GELU of symbols": lambda: on_symbols(lambda e, _: gelu(gelu(e))),
    "GELU of symbols and state": lambda: on_symbols(lambda e, h: gelu(rb.Add()(e, h))),
    "own layer of symbols": lambda: on_symbols(lambda e, _: gained(e)),
    "GELU of own layer": lambda: on_floats(lambda x, _: gelu(gained(x)), next_state=mixed),
    "own layer of GELU": lambda: on_floats(lambda x, _: gained(gelu(x)), next_state=mixed),
    "in the loop": lambda: on_floats(
        lambda _, h: gelu(h), next_state=lambda x, h: gained(gelu(mixed(x, h)))
    ),
}


@pytest.mark.long
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("chunk", [STEPS, 24])
def test_what_waits_for_parameters(cell: str, chunk: int) -> None:
    """An array of a chunk's deltas is 100 to 260 kB."""
    model = CELLS[cell]()
    floats = "symbols" not in cell
    x = real(STEPS, BATCH, WIDTH) if floats else SYMBOLS
    peak, stats = traced(model, x, real(STEPS, BATCH, WIDTH), MSE, chunk=chunk, backend="numpy")
    told = stats.peak_bytes + stats.object_bytes
    assert abs(peak - told) <= 2**15 + told // 100, (peak, stats.peak_bytes, stats.object_bytes)


@pytest.mark.parametrize(
    "layer", [AsPython(rb.Softplus()), AsPython(rb.GELU()), AsPython(rb.Softmax())]
)
def test_steps_that_are_put_together(layer: rb.Layer) -> None:
    """Of a layer that runs step by step, and goes backward by blocks: what it saved is copied."""
    model = on_floats(
        lambda _, h: rb.Tanh()(h),
        next_state=lambda x, h: rb.Add()(layer(rb.Dense(WIDTH, WIDTH)(x)), h),
    )
    backend = rb.Backend("numpy", without=("hoisted",))
    peak, stats = traced(
        model, real(STEPS, BATCH, WIDTH), real(STEPS, BATCH, WIDTH), MSE, backend=backend
    )
    told = stats.peak_bytes + stats.object_bytes
    assert abs(peak - told) <= 2**15 + told // 100, (peak, stats.peak_bytes, stats.object_bytes)
