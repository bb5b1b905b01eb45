"""Bytes of a sweep: what is predicted is what tracemalloc finds, before its pause, in it, after it."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

import rnnbp as rb
from rnnbp.ledger import Ledger
from tests.sweep_runs import GRAPHS, Sweep, inputs, state_deltas, traced, weights
from tests.traced_runs import BACKENDS, SCHEDULES

T, B, N, CHUNK = 95, 40, 24, 10
KINDS = [pytest.param(kind, marks=[pytest.mark.long] * (kind != "stacked")) for kind in GRAPHS]


def sweep_of(graph: rb.Graph, **how: Any) -> Sweep:
    """A large sweep, all of whose outputs are taken."""
    xs, given = (of(graph, T, B, "float32") for of in (inputs, weights))
    wanted = [True] * graph.n_outputs
    how = {"chunk": CHUNK, "dstate": state_deltas(graph, B, "float32")} | how
    return Sweep(graph, xs, given, wanted, **how)


def begun(sweep: Sweep) -> None:
    """A run of it, to the end."""
    sweep.forward()
    sweep.backward()


def off(found: int, told: int) -> int:
    """How far bytes are from what was told, beyond 1 % or 64 KiB."""
    return max(0, abs(found - told) - max(told // 100, 2**16))


def traced_run(sweep: Sweep) -> tuple[list[int], list[int]]:
    """Bytes found and told: at the peak before its pause, in it, at the peak after it."""
    sweep.ledger = Ledger(sweep.lent)
    forecast = sweep.forecast
    tracemalloc.start()
    try:
        paused, before = traced(sweep.forward)
        _, after = traced(lambda: sweep.backward())
    finally:
        tracemalloc.stop()
    objects = sweep.run.counter.stats(sweep.problem, sweep.ledger, sweep.sizes, 0).object_bytes
    told = forecast.forward, forecast.paused, forecast.backward
    return [before, paused, paused + after], [part + objects for part in told]


@pytest.mark.one_in(40, "backend")
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("checkpoint", SCHEDULES)
@pytest.mark.parametrize("kind", KINDS)
def test_each_part_takes_what_was_predicted(kind: str, checkpoint: str, backend: str) -> None:
    graph = GRAPHS[kind](N, "float32")
    how = {"checkpoint": SCHEDULES[checkpoint], "backend": backend}
    begun(sweep_of(graph, **how))
    # One of three as a whole: tracemalloc also finds what other threads of the process take, and give
    # back, meanwhile.
    runs = [traced_run(sweep_of(graph, **how)) for _ in range(3)]
    assert [0, 0, 0] in [[off(*pair) for pair in zip(*run, strict=True)] for run in runs], runs
