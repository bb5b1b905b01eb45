"""Rows of different lengths in one sweep: each as if it were alone, at the cost of its own steps."""

from __future__ import annotations

import tracemalloc
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from tests.every_schedule import every_schedule
from tests.helpers import UseThreads, assert_same_arrays, assert_same_named
from tests.programs import close
from tests.ragged_sweeps import GRAPHS, Ragged, data
from tests.sweep_runs import state_deltas, swept, traced

LLVM = ["llvm"] if find_spec("llvmlite") else []
BACKENDS = ["interpreter", "numpy", *LLVM]
LENGTHS = [11, 9, 9, 8, 4, 4, 1]
SCHEDULES = every_schedule(6)
"""Of 6 chunks: of 2 steps of the first lengths."""


def ragged(name: str, lengths: list[int] = LENGTHS, n: int = 3, **how: Any) -> Ragged:
    """A sweep of a held graph."""
    plain, dtype = GRAPHS[name](n, held=False), how.pop("dtype", "float64")
    xs, weights = data(plain, lengths, dtype)
    graph = GRAPHS[name](n, dtype, held=True)
    dstate = state_deltas(plain, len(lengths), dtype) if how.pop("dstate", True) else ()
    return Ragged(graph, xs, lengths, weights, [True] * len(weights), dstate=dstate, **how)


@pytest.mark.one_in(15, "graph")
@pytest.mark.parametrize("lengths", [LENGTHS, [5, 5, 5], [8, 1], [1, 1], [12, 4]])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("graph", GRAPHS)
def test_each_row_is_as_if_alone(graph: str, backend: str, lengths: list[int]) -> None:
    sweep = ragged(graph, lengths, backend=backend)
    plain = GRAPHS[graph](3, held=False)
    found, total = sweep.swept(), dict[str, Any]()
    dstatic = [k for k, per in enumerate(plain.pers) if per == "sequence"]
    for row, length in enumerate(lengths):
        here, one = (slice(length), slice(row, row + 1)), slice(row, row + 1)
        xs = [x[here] if x.ndim == 3 else x[one] for x in sweep.xs]
        weights = [np.ascontiguousarray(w[here]) for w in sweep.weights]
        dstate = [[d[one] for d in deltas] for deltas in sweep.dstate]
        alone = swept(plain, xs, weights, sweep.wanted, dstate=dstate, backend=backend)
        for y, own in zip(found.ys, alone.ys, strict=True):
            close(own, y[here], "y")
        for states, own in ((found.states, alone.states), (found.found.dstate, alone.found.dstate)):
            for several, each in zip(states, own, strict=True):
                for array, part in zip(several, each, strict=True):
                    close(part, array[one], "state")
        for k in dstatic:
            close(alone.found.dstatic[k], found.found.dstatic[k][one], "dstatic")
        close(alone.dxs[0], found.dxs[0][here], "dx")
        total = {k: total.get(k, 0) + grad for k, grad in alone.found.grads.items()}
    for path, grad in total.items():
        close(grad, found.found.grads[path], path)


@pytest.mark.one_in(40, "graph")
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("title", [title for title in SCHEDULES if "thin" not in title])
@pytest.mark.parametrize("graph", GRAPHS)
def test_bits_do_not_depend_on_the_schedule(graph: str, title: str, backend: str) -> None:
    how: Any = {"backend": backend, "chunk": 2}
    checkpoint = SCHEDULES[title]
    same(ragged(graph, checkpoint=checkpoint, **how).swept(), ragged(graph, **how).swept())


def same(found: Any, expected: Any) -> None:
    """Two runs have the same bits."""
    assert_same_arrays(found.ys, expected.ys)
    assert_same_named(found.found.grads, expected.found.grads)
    assert_same_named(found.dxs, expected.dxs)
    for one, other in (
        (found.states, expected.states),
        (found.found.dstate, expected.found.dstate),
    ):
        for states, others in zip(one, other, strict=True):
            assert_same_arrays(states, others)


@pytest.mark.long
@pytest.mark.skipif(not LLVM, reason="needs llvmlite")
def test_threads_change_no_bit(use_threads: UseThreads, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for n, waking in ((1, 10**7), (2, 1), (3, 1)):
        use_threads(n)
        monkeypatch.setattr("rnnbp.runners.llvm.sharing.WAKING", waking)
        found.append(ragged("stacked", n=20, backend="llvm").swept())
    same(found[1], found[0])
    same(found[2], found[0])


@pytest.mark.one_in(60, "backend")
@pytest.mark.parametrize("dstate", [True, False])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("title", SCHEDULES)
@pytest.mark.parametrize("graph", GRAPHS)
def test_the_forecast_is_the_ledger(graph: str, title: str, backend: str, dstate: bool) -> None:
    sweep = ragged(graph, checkpoint=SCHEDULES[title], backend=backend, chunk=2, dstate=dstate)
    run, forecast = sweep.begin(), sweep.forecast
    run.forward()
    assert (sweep.ledger.peak_bytes, sweep.ledger.total) == (forecast.forward, forecast.paused)
    sweep.ledger.peak_bytes = 0
    run.backward(sweep.dstate)
    run.close()
    assert (sweep.ledger.peak_bytes, sweep.ledger.total) == (forecast.backward, forecast.left)


@pytest.mark.long
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("checkpoint", ["all", "sqrt"])
@pytest.mark.parametrize("graph", GRAPHS)
def test_the_ledger_is_what_is_allocated(graph: str, checkpoint: str, backend: str) -> None:
    lengths = [*range(400, 100, -20), 60, 3]
    how: Any = {"checkpoint": checkpoint, "backend": backend, "chunk": 40, "n": 48}
    ragged(graph, lengths, **how).swept()
    sweep, found = ragged(graph, lengths, **how), []
    tracemalloc.start()
    try:
        held, forward = traced(lambda: sweep.begin().forward())
        backward = held + traced(lambda: found.append(sweep.run.backward(sweep.dstate)))[1]
        sweep.run.close()
    finally:
        tracemalloc.stop()
    objects, forecast = found[0].stats.object_bytes, sweep.forecast
    peak, expected = max(forward, backward), max(forecast.forward, forecast.backward)
    assert abs(peak - expected - objects) <= max(expected // 100, 2**16)
