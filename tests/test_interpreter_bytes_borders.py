"""Bytes of the interpreter.

Arrays that a walk over nodes holds, and states on which y does not depend.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp import schedules
from tests.generator.draws import Seeded
from tests.generator.runs import case_of

STEPS, BATCH, SIZE = 6, 300, 24
SCHEDULES: dict[str, Any] = {
    "all": lambda n: "all",
    "advanced": lambda n: schedules.Revolve(n, 2),
    "kept": lambda n: schedules.ThinTapes(n, 1),
}


def cell(build: Callable[..., Any], states: int) -> rb.Recurrent:
    """A layer over time of states of one size; ``build`` gives (y, the next states)."""
    x, before = rb.Input(SIZE), [rb.State(SIZE, f"h{k}") for k in range(states)]
    y, after = build(x, *before)
    return rb.Recurrent(rb.Cell(x, dict(zip(before, after, strict=True)), y))


def dense(seed: int, *sizes: int) -> rb.Dense:
    return rb.Dense(sizes or (SIZE,), SIZE, dtype="float64", rng=seed)


def unused(x: Any, a: Any, b: Any, c: Any) -> Any:
    """y depends on none of the states."""
    return rb.Tanh()(x), (rb.Tanh()(dense(0)(a)), rb.Sigmoid()(dense(1)(b)), rb.Tanh()(c))


def late(x: Any, a: Any, b: Any) -> Any:
    """y depends on the second state by the first, a step later."""
    return rb.Add()(x, a), (rb.Tanh()(dense(0, SIZE, SIZE)(a, b)), rb.Tanh()(dense(1)(b)))


def clock(x: Any, a: Any, b: Any) -> Any:
    """y depends on x at no step, so what is before it has no deltas at all."""
    return rb.Tanh()(a), (rb.Tanh()(dense(0)(a)), rb.Tanh()(dense(1)(x)))


def parts(x: Any, a: Any) -> Any:
    """Deltas are parts of larger arrays, and sums of those."""
    both = rb.Concat(SIZE, SIZE)(x, a)
    first, second = rb.Split(SIZE, SIZE)(
        rb.Tanh()(rb.Dense(2 * SIZE, 2 * SIZE, dtype="float64", rng=0)(both))
    )
    return rb.Multiply()(first, second), (rb.Add()(first, a),)


def subtracted(x: Any, a: Any) -> Any:
    y = rb.GELU()(rb.Subtract()(x, rb.Tanh()(dense(0)(a))))
    return y, (rb.Softmax()(rb.Multiply()(y, a)),)


MODELS: dict[str, Callable[[], Any]] = {
    "unused": lambda: cell(unused, 3),
    "late": lambda: cell(late, 2),
    "parts": lambda: cell(parts, 1),
    "subtracted": lambda: cell(subtracted, 1),
    "before a clock": lambda: rb.Sequential(
        rb.LSTM(SIZE, SIZE, dtype="float64", rng=0), cell(clock, 2)
    ),
    "two cells": lambda: rb.Sequential(
        rb.GRU(SIZE, SIZE, dtype="float64", rng=0), rb.LSTM(SIZE, SIZE, dtype="float64", rng=1)
    ),
}


@pytest.mark.one_in(6)
@pytest.mark.parametrize("chunk", [2, 3])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("model", MODELS)
def test_arrays_and_objects_are_what_tracemalloc_finds(
    model: str, schedule: str, chunk: int
) -> None:
    built, numbers = MODELS[model](), np.random.default_rng(0)
    x, target = (numbers.normal(size=(STEPS, BATCH, SIZE)) for _ in range(2))
    run = {
        "chunk": chunk,
        "backend": "interpreter",
        "checkpoint": SCHEDULES[schedule](STEPS // chunk),
    }
    rb.bptt(built, x, target, rb.losses.MeanSquaredError(), **run)
    rb.release_memory()
    gc.collect()
    tracemalloc.start()
    try:
        stats = rb.bptt(built, x, target, rb.losses.MeanSquaredError(), **run).stats
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    told = stats.peak_bytes + stats.object_bytes
    assert abs(peak - told) <= max(0.01 * told, 2**16), (peak, stats.peak_bytes, stats.object_bytes)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("number", [980, 1002, 1381])
def test_a_tape_that_was_rebuilt_lies_otherwise_than_one_that_was_recorded(number: int) -> None:
    """All steps run at once, and parts of an array are views, not put together step by step."""
    case = case_of(Seeded(0, number), large=True, wild=False)
    ((_, schedule),) = case.rebuilding.items()
    found = case.run(rb.Backend("interpreter"), schedule).stats
    steps, batch, *shape = case.x.shape
    given: Any = {name: case.options.get(name) for name in ("chunk", "horizon")}
    given |= {
        "training": case.options.get("training", True),
        "x_shape": tuple(shape),
        "backend": "interpreter",
    }
    told = rb.forecast(
        case.model, case.loss, steps=steps, batch=batch, checkpoint=schedule, **given
    )
    assert found.peak_bytes_by_kind == told.peak_bytes_by_kind
