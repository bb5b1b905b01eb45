"""Runs whose memory tracemalloc measures."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np

import rnnbp as rb
from tests.helpers import reals
from tests.schedule_checks import figures

MSE = rb.losses.MeanSquaredError()
BACKENDS = ["numpy", *(["llvm"] if find_spec("llvmlite") else [])]
SCHEDULES: dict[str, Any] = {
    "all": "all",
    "sqrt": "sqrt",
    "revolve": lambda n: rb.schedules.Revolve(n, 2),
    "thin": lambda n: rb.schedules.ThinTapes(n, 3),
    "disk": lambda n: rb.schedules.EveryK(n, 2, "disk"),
}


real = partial(reals, dtype=np.float32)


def pieces(array: np.ndarray) -> Iterator[np.ndarray]:
    """An array as a stream of three parts."""
    yield from np.array_split(array, 3)


def assert_told(model: Any, x: Any, target: Any, loss: Any = MSE, **run: Any) -> None:
    """That forecast and run agree, to the byte, and tracemalloc to 1 % or 64 KiB."""
    steps, batch, *_ = x.shape
    expected = rb.forecast(model, loss, steps=steps, batch=batch, **run)
    peak, stats = traced(model, x, target, loss, **run)
    assert {name: getattr(stats, name) for name in figures(expected)} == figures(expected)
    counted = stats.peak_bytes + stats.object_bytes
    assert abs(peak - counted) <= max(0.01 * counted, 2**16)


def traced(model: Any, x: Any, target: Any, loss: Any = MSE, **run: Any) -> tuple[int, Any]:
    """(tracemalloc's peak, the figures) of a run that has been made before."""
    return traced_of(lambda: rb.bptt(model, x, target, loss, **run).stats)


def traced_of(run: Callable[[], Any]) -> tuple[int, Any]:
    """The same of what gives a run's figures."""
    run()
    rb.release_memory()
    gc.collect()
    tracemalloc.start()
    try:
        stats = run()
        return tracemalloc.get_traced_memory()[1], stats
    finally:
        tracemalloc.stop()


def off(run: Callable[[], Any]) -> int:
    """How far what is told is from tracemalloc's peak, beyond 1 % or 64 KiB.

    Of a run that has been made before.
    """
    peak, stats = traced_of(lambda: run().stats)
    told = stats.peak_bytes + stats.object_bytes
    return int(max(0, abs(peak - told) - max(told // 100, 2**16)))
