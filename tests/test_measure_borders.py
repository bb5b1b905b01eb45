"""Measuring leaves a caller's own tracing as it was, and says where a figure cannot be known."""

from __future__ import annotations

import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp import memory
from rnnbp.compare.choices import Choice
from rnnbp.compare.measure import Bench
from rnnbp.memory import gauges
from rnnbp.schedules import All

MSE = rb.losses.MeanSquaredError()
FRAMES = 25


@pytest.fixture
def traced() -> Iterator[np.ndarray]:
    """Tracing that a caller has begun, with frames, and an array from before."""
    tracemalloc.start(FRAMES)
    yield np.ones(1_000_000, np.uint8)
    tracemalloc.stop()


def bench() -> tuple[Bench, Choice]:
    model, x, y = (
        rb.RNN(2, 3, rng=0),
        np.ones((8, 2, 2), np.float32),
        np.zeros((8, 2, 3), np.float32),
    )
    choice = Choice("all", "", tuple(All(2)), 4, rb.forecast(model, MSE, steps=8, batch=2, chunk=4))
    return Bench((model, x, y, MSE), 0, choice), choice


def measured() -> None:
    with memory.measure():
        np.ones(100_000, np.uint8)


def failing() -> None:
    with pytest.raises(ZeroDivisionError), memory.measure():
        raise ZeroDivisionError


def in_a_thread() -> None:
    thread = threading.Thread(target=measured)
    thread.start()
    thread.join()


def in_a_generator() -> None:
    def steps() -> Iterator[int]:
        with memory.measure():
            yield 1
            yield 2

    for _ in steps():
        break


def nested() -> None:
    with memory.measure(), memory.measure(), memory.high_water():
        measured()


def out_of_order() -> None:
    first, second = memory.measure(), memory.measure()
    for block in (first, second):
        block.__enter__()
    for block in (first, second):
        block.__exit__(None, None, None)


def compared() -> None:
    one, choice = bench()
    *_, found = one.measure(choice, 1)
    assert found is not None
    assert 0 < found.traced_bytes < 1_000_000  # without what was there before


WAYS: list[Callable[[], None]] = [
    measured,
    failing,
    in_a_thread,
    in_a_generator,
    nested,
    out_of_order,
    compared,
]


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS)
def test_a_callers_tracing_is_as_it_was(way: Callable[[], None], traced: np.ndarray) -> None:
    np.ones(30_000_000, np.uint8)
    way()
    assert tracemalloc.is_tracing()
    assert tracemalloc.get_traceback_limit() == FRAMES
    assert tracemalloc.get_traced_memory()[1] >= 31_000_000
    trace = tracemalloc.get_object_traceback(traced)
    assert trace is not None
    assert len(trace) > 1
    assert any(found.size >= traced.nbytes for found in tracemalloc.take_snapshot().traces)


@pytest.mark.parametrize("way", WAYS)
def test_tracing_that_was_off_is_off(way: Callable[[], None]) -> None:
    way()
    assert not tracemalloc.is_tracing()


def restart() -> None:
    tracemalloc.stop()
    tracemalloc.start()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (tracemalloc.clear_traces, "tracemalloc's traces were cleared inside a measured block"),
        (restart, "tracemalloc's traces were cleared inside a measured block"),
        (tracemalloc.stop, "tracemalloc was stopped inside a measured block"),
    ],
)
def test_figures_that_are_spoilt_are_no_numbers(spoil: Callable[[], None], message: str) -> None:
    with (
        pytest.raises(RuntimeError, match=message),
        memory.measure() as outer,
        memory.measure() as inner,
    ):
        spoil()
    for used in (outer, inner):
        with pytest.raises(AttributeError, match="peak_bytes is not known"):
            _ = used.peak_bytes
    assert not tracemalloc.is_tracing()
    with memory.measure() as used:  # and the next is right
        np.ones(5_000_000, np.uint8)
    assert 5_000_000 <= used.peak_bytes <= 5_100_000


def test_traces_cleared_while_a_caller_traces(traced: np.ndarray) -> None:
    with pytest.raises(RuntimeError, match="were cleared inside"), memory.measure():
        tracemalloc.clear_traces()
    assert tracemalloc.is_tracing()
    assert tracemalloc.get_traceback_limit() == FRAMES


@pytest.mark.skipif(gauges.resource is None, reason="this system does not tell of children")
@pytest.mark.parametrize("block", [memory.measure, memory.high_water])
def test_child_processes_are_said_not_to_count(block: Any) -> None:
    with block() as alone:
        pass
    assert "child" not in str(alone)
    with block() as used:
        subprocess.run([sys.executable, "-c", "x = bytearray(10**6)"], check=True)
    assert not used.alone
    assert str(used).endswith("without its child processes, of which nothing is known")


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="running children are listed by Linux alone"
)
def test_a_child_that_still_runs_is_noticed() -> None:
    with memory.high_water() as used:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    child.communicate(b"\n")
    assert not used.alone


def test_a_mark_that_cannot_be_set_back_is_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gauges.resident, "reset", lambda: False)
    np.ones(80_000_000, np.uint8)
    with memory.high_water() as used:
        np.ones(1_000_000, np.uint8)
    assert used.high_water_bytes is None
    assert str(used) == "high water not known"


@pytest.mark.parametrize("marks", [[None, None, 100], [100, 100, None]])
def test_a_mark_that_cannot_be_read_once_is_no_number(
    marks: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = iter(marks)
    monkeypatch.setattr(gauges.resident, "peak", lambda: next(found, marks[-1]))
    with memory.high_water() as used:
        pass
    assert used.high_water_bytes is None
