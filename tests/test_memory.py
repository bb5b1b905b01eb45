"""rb.memory against allocations of known sizes; Python itself takes a few hundred bytes."""

from __future__ import annotations

import os
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp import memory
from rnnbp.machine.finite import first_bad
from rnnbp.memory import gauges

OWN = 1500
"""What the objects of a measured block may take."""
NESTED = 20_000
"""What a block inside another may add to it."""


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    """Each test ends as it begins: not tracing, no block open."""
    assert not tracemalloc.is_tracing()
    yield
    assert not tracemalloc.is_tracing()
    assert not gauges.traced.open
    assert not gauges.resident.open


@pytest.fixture
def traced_by_others() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def take(nbytes: int) -> None:
    """Allocate, touch, free."""
    np.ones(nbytes, np.uint8)


@pytest.mark.quick
@pytest.mark.parametrize("nbytes", [0, 1, 1000, 4096, 10**6, 123_456_789])
def test_an_array_that_is_kept(nbytes: int) -> None:
    with rb.memory.measure() as used:
        array = np.empty(nbytes, np.uint8)
    assert array.nbytes <= used.kept_bytes <= used.peak_bytes <= array.nbytes + OWN


def test_an_array_that_is_freed_inside() -> None:
    with rb.memory.measure() as used:
        take(50_000_000)
    assert 50_000_000 <= used.peak_bytes <= 50_000_000 + OWN
    assert 0 <= used.kept_bytes <= OWN


def test_the_peak_is_of_what_is_held_at_once() -> None:
    with rb.memory.measure() as used:
        take(3_000_000)
        kept = [np.empty(n, np.uint8) for n in (1_000_000, 700_000)]
        take(2_000_000)
    total = sum(a.nbytes for a in kept)
    assert total + 2_000_000 <= used.peak_bytes <= total + 2_000_000 + OWN
    assert total <= used.kept_bytes <= total + OWN


def test_python_objects_count() -> None:
    with rb.memory.measure() as used:
        text = "x" * 1_000_000
    assert sys.getsizeof(text) <= used.peak_bytes <= sys.getsizeof(text) + OWN


def test_two_in_a_row_know_nothing_of_each_other() -> None:
    with rb.memory.measure() as first:
        take(5_000_000)
    with rb.memory.measure() as second:
        take(1_000_000)
    assert 5_000_000 <= first.peak_bytes <= 5_000_000 + OWN
    assert 1_000_000 <= second.peak_bytes <= 1_000_000 + OWN


def test_a_block_inside_another_leaves_it_its_earlier_peak() -> None:
    with rb.memory.measure() as outer:
        kept = np.empty(200_000, np.uint8)
        take(5_000_000)
        with rb.memory.measure() as inner:
            take(1_000_000)
        with rb.memory.measure() as other:
            take(2_000_000)
    assert 1_000_000 <= inner.peak_bytes <= 1_000_000 + OWN
    assert 2_000_000 <= other.peak_bytes <= 2_000_000 + OWN
    assert 5_000_000 + kept.nbytes <= outer.peak_bytes <= 5_000_000 + kept.nbytes + OWN


def test_an_inner_peak_is_the_outer_s_too() -> None:
    with rb.memory.measure() as outer:
        take(1_000_000)
        kept = np.empty(200_000, np.uint8)
        with rb.memory.measure() as inner:
            take(5_000_000)
        take(1_000_000)
    assert 5_000_000 <= inner.peak_bytes <= 5_000_000 + OWN
    assert 5_000_000 + kept.nbytes <= outer.peak_bytes <= 5_000_000 + kept.nbytes + NESTED


def poll(event: threading.Event) -> None:
    """Wait for an event without its lock, which would count when the other begins and frees it."""
    for _ in range(10_000):
        if event.is_set():
            break
        time.sleep(0.001)


def test_blocks_side_by_side_in_threads_share_the_count() -> None:
    """One begins first and ends first; tracing goes on for the other."""
    starts, began, ended = threading.Event(), threading.Event(), threading.Event()
    found: dict[str, Any] = {}

    def other() -> None:
        starts.wait(10)
        with rb.memory.measure() as found["other"]:
            began.set()
            ended.wait(10)
            take(4_000_000)

    thread = threading.Thread(target=other)
    with rb.memory.measure() as found["this"]:
        thread.start()
        starts.set()
        poll(began)
        take(2_000_000)
    ended.set()
    thread.join()
    assert 2_000_000 <= found["this"].peak_bytes <= 2_000_000 + NESTED
    assert 4_000_000 <= found["other"].peak_bytes <= 4_000_000 + NESTED


def test_an_exception_passes_and_the_figures_are_there() -> None:
    def fail() -> None:
        take(3_000_000)
        raise ZeroDivisionError

    with (
        pytest.raises(ZeroDivisionError),
        rb.memory.measure() as outer,
        rb.memory.measure() as inner,
    ):
        fail()
    for used in (inner, outer):
        assert 3_000_000 <= used.peak_bytes <= 3_000_000 + NESTED


@pytest.mark.usefixtures("traced_by_others")
def test_tracing_by_others_goes_on() -> None:
    before = np.empty(500_000, np.uint8)
    with rb.memory.measure() as used:
        take(1_000_000)
        del before
    assert tracemalloc.is_tracing()
    assert 1_000_000 <= used.peak_bytes <= 1_000_000 + OWN
    assert -500_000 - OWN <= used.kept_bytes <= -500_000 + OWN


@pytest.mark.usefixtures("traced_by_others")
@pytest.mark.parametrize("where", ["before", "in the outer", "in the inner"])
def test_others_find_their_peak_no_lower(where: str) -> None:
    sizes = {"before": 1_000_000, "in the outer": 1_000_000, "in the inner": 1_000_000} | {
        where: 9_000_000
    }
    take(sizes["before"])
    with rb.memory.measure():
        take(sizes["in the outer"])
        with rb.memory.measure():
            take(sizes["in the inner"])
    present, peak = tracemalloc.get_traced_memory()
    assert 9_000_000 <= peak <= 9_000_000 + present + NESTED


def test_tracing_that_is_stopped_inside_is_an_error() -> None:
    with (
        pytest.raises(RuntimeError, match="tracemalloc was stopped inside a measured block"),
        rb.memory.measure(),
    ):
        tracemalloc.stop()


def test_the_figures_are_known_after_the_block_only() -> None:
    with rb.memory.measure() as used:
        with pytest.raises(AttributeError, match="peak_bytes is not known inside the block"):
            _ = used.peak_bytes
        with pytest.raises(AttributeError, match="Used has no attribute 'seconds'"):
            _ = used.seconds  # type: ignore[attr-defined]
    assert used.peak_bytes >= 0


@pytest.mark.skipif(
    not os.access("/proc/self/clear_refs", os.W_OK),
    reason="this system does not let a process set its resident high-water mark back",
)
def test_the_resident_mark_rises_by_what_is_touched() -> None:
    with rb.memory.high_water() as outer:
        with rb.memory.high_water() as first:
            take(80_000_000)
        with rb.memory.high_water() as second:
            take(40_000_000)
        with rb.memory.high_water() as untouched:
            np.empty(80_000_000, np.uint8)
    assert not tracemalloc.is_tracing()
    assert first.high_water_bytes == pytest.approx(80_000_000, abs=2_000_000)
    assert outer.high_water_bytes == pytest.approx(80_000_000, abs=2_000_000)
    assert second.high_water_bytes == pytest.approx(40_000_000, abs=2_000_000)
    assert untouched.high_water_bytes < 2_000_000


def test_without_leave_to_reset_the_rise_is_counted_from_the_mark(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    marks = iter([100, 100, 100, 130])
    monkeypatch.setattr(gauges.resident, "reset", lambda: None)
    monkeypatch.setattr(gauges.resident, "peak", lambda: next(marks, 130))
    with rb.memory.high_water() as found:
        next(marks)
        next(marks)
    assert found.high_water_bytes == 30


def test_a_system_without_a_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gauges.resident, "peak", lambda: None)
    with rb.memory.measure() as used:
        take(1_000_000)
    assert used.high_water_bytes is None
    assert str(used).startswith("peak 1 MB, kept ")
    assert str(used).endswith(", high water not known")


def test_one_line_with_units() -> None:
    used = memory.Used()
    used.peak_bytes, used.kept_bytes, used.high_water_bytes = 1_234_567_890, -4_560, 52_300_000
    assert str(used) == "peak 1.23 GB, kept -4.56 kB, high water +52.3 MB"


@pytest.mark.quick
def test_the_peak_of_a_run_is_its_ledger_s() -> None:
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(96, 32, 64)).astype(np.float32) for _ in range(2))
    model, loss = rb.LSTM(64, 64, rng=0), rb.losses.MeanSquaredError()
    stats = rb.bptt(model, x, y, loss, chunk=16).stats
    with rb.memory.measure() as used:
        rb.bptt(model, x, y, loss, chunk=16)
    objects = 256 * 1024
    assert 0.99 * stats.peak_bytes <= used.peak_bytes <= 1.01 * stats.peak_bytes + objects


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
@pytest.mark.parametrize("strided", [False, True])
def test_looking_for_numbers_that_are_not_finite_takes_no_array(dtype: str, strided: bool) -> None:
    """It is done to all of x and target before a run: an array would break small budgets."""
    x = np.zeros((500, 20, 100), dtype)[:, :: 2 if strided else 1]
    assert first_bad(x) is None  # and machine code is there
    with rb.memory.measure() as used:
        assert first_bad(x) is None
    assert used.peak_bytes < 200_000 < x.size  # NumPy takes strided arrays in pieces of 8192
    for bad in (np.nan, np.inf, -np.inf):
        x[:] = 0
        x[7, 3, 50] = x[9, 1, 1] = bad
        assert first_bad(x) == (7, 3, 50)


@pytest.mark.parametrize("strided", [False, True])
def test_an_imaginary_part_that_is_not_finite_is_found(strided: bool) -> None:
    x = np.zeros((500, 20, 100), "complex128")[:, :: 2 if strided else 1]
    for bad in (np.nan, np.inf, -np.inf):
        x[:] = 0
        x.imag[8, 2, 2] = bad
        assert first_bad(x) == (8, 2, 2)
