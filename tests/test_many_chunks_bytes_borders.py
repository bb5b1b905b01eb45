"""Bytes of runs of many chunks: those advanced by one call take what is estimated."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.actions import Advance, Store
from rnnbp.bptt.fused_advances import FusedAdvances
from rnnbp.bptt.slots import Slots
from rnnbp.ledger import Ledger
from rnnbp.machine.team.job import Job
from tests.traced_runs import real, traced

MSE = rb.losses.MeanSquaredError()
KERNELS = pytest.mark.skipif(find_spec("llvmlite") is None, reason="no kernels without llvmlite")
CELLS: dict[str, Callable[[], Any]] = {
    "lstm": lambda: rb.LSTM(2, 4, rng=0),
    "head": lambda: rb.Sequential(rb.LSTM(2, 4, rng=0), rb.Dense(4, 4, rng=0)),
    "two": lambda: rb.Sequential(rb.LSTM(2, 3, rng=0), rb.GRU(3, 4, rng=0)),
}
MODEL, X, Y = CELLS["head"](), real(2, 1, 2), real(2, 1, 4)
STATES = ((np.zeros((3, 2)), np.zeros((3, 2)), np.zeros((3, 2))),)


@pytest.mark.long
@pytest.mark.parametrize(
    "checkpoint", ["sqrt", lambda n: rb.schedules.Revolve(n, 6)], ids=["sqrt", "revolve"]
)
@pytest.mark.parametrize("cell", CELLS)
@KERNELS
def test_chunks_that_are_advanced_by_one_call(cell: str, checkpoint: Any) -> None:
    """A job of 100 such chunks of an LSTM takes 45 kB."""
    run = {"checkpoint": checkpoint, "chunk": 1, "backend": "llvm"}
    peak, stats = traced(CELLS[cell](), real(150, 1, 2), real(150, 1, 4), MSE, **run)
    told = stats.peak_bytes + stats.object_bytes
    assert abs(peak - told) <= 2**15, (peak, stats.peak_bytes, stats.object_bytes)


def a_job() -> None:
    Job(
        np.zeros((2, 1, 12), np.int64),
        run=1,
        places=np.zeros((2, 4), np.int64),
        lengths=np.ones(2, np.int64),
    )


def a_group() -> None:
    for _ in FusedAdvances().find([Advance(0), Advance(1), Store(2), Advance(2), Store(3)]):
        pass


def a_slot() -> None:
    slots = Slots(Ledger())
    slots.store(0, STATES, "ram")
    slots.drop(0)


def a_slot_on_disk() -> None:
    slots = Slots(Ledger())
    slots.store(0, STATES, "disk")
    slots.load(0)
    slots.close()


def a_run() -> None:
    rb.bptt(MODEL, X, Y, MSE, backend="numpy")


@pytest.mark.long
@pytest.mark.parametrize(
    ("make", "times"),
    [(a_job, 300), (a_group, 300), (a_slot, 300), (a_slot_on_disk, 40), (a_run, 60)],
)
def test_what_comes_and_goes_leaves_nothing_behind(make: Callable[[], None], times: int) -> None:
    """Nor in the lists of free tuples that Python keeps, up to 2,000 of each length.

    One is added with each tuple that is made of an iterator, as that is first made longer.
    """
    for _ in range(10):
        make()
    gc.collect()
    tracemalloc.start()
    try:
        found = []
        for _ in range(2):
            for _ in range(times):
                make()
            found.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert found[1] - found[0] < 4096 + 16 * times
