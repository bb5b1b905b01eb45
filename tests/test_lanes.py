"""Layers of a stack as lanes, a thread each: bits, bytes and waits."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.bptt.lane_chunks import LaneChunks
from rnnbp.bptt.stretches import StretchRunner
from rnnbp.machine.elementwise import COPY, library
from rnnbp.machine.records import place
from rnnbp.machine.team import lanes
from rnnbp.machine.team.job import Job
from rnnbp.machine.team.lanes import Lane
from rnnbp.machine.team.rounds import Turn
from rnnbp.numerics import Array, address
from rnnbp.runners.lane_shares import ROOM, shared
from tests.helpers import UseThreads, assert_same_bits
from tests.lane_models import MODELS, calls_of_lanes

pytest.importorskip("llvmlite")
STEPS, BATCH, CLASSES, CHUNK = 103, 5, 7, 5


RUNS = {
    "all": {},
    "no dx": {"dx": False},
    "recomputed": {"checkpoint": "sqrt"},
    "segments": {"checkpoint": rb.schedules.EveryK(k=6)},
    "horizon": {"horizon": 40},
    "bfloat16": {"backend": rb.Backend("llvm", precision="bfloat16")},
    "revolve": {"checkpoint": rb.schedules.Revolve(slots=3)},
}


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of lanes of each call."""
    return calls_of_lanes(monkeypatch, lambda some, rounds: len(some))


def results(model: rb.Sequential, **run: object) -> rb.Gradients:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(STEPS, BATCH, 6)).astype(np.float32)
    symbols = rng.integers(0, 11, (STEPS, BATCH))
    given = {rb.Embedding: symbols}.get(type(model.blocks[0]), x)
    target = rng.integers(0, CLASSES, (STEPS, BATCH))
    return rb.bptt(model, given, target, rb.losses.CrossEntropy(), chunk=CHUNK, **run)


@pytest.mark.one_in(9)
@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("name", MODELS)
def test_bits_are_those_of_one_layer_after_the_other(
    name: str, run: str, ran: list[int], monkeypatch: pytest.MonkeyPatch, use_threads: UseThreads
) -> None:
    model = MODELS[name]()
    use_threads(2)
    found = results(model, **RUNS[run])
    assert len(ran) >= 2
    use_threads(1)
    in_rounds = results(model, **RUNS[run])
    monkeypatch.setattr(StretchRunner, "most", 0)
    monkeypatch.setattr(LaneChunks, "_lanes_in_one_go", False)
    by_one = results(model, **RUNS[run])
    assert_same_bits(found, in_rounds)
    assert_same_bits(found, by_one)
    assert found.stats.peak_bytes == by_one.stats.peak_bytes


@pytest.mark.parametrize("checkpoint", ["all", "sqrt"])
def test_a_recurrent_that_does_not_read_its_input_is_no_lane(
    checkpoint: str, ran: list[int], use_threads: UseThreads
) -> None:
    """Nothing is sent back from it, so that its chunks do not run in rounds."""
    x, h = rb.Input(20), rb.State(7, "h")
    alone = rb.Recurrent(rb.Cell(x, {h: rb.Tanh()(rb.Dense(7, 7, rng=1)(h))}, output=h))
    model = rb.Sequential(rb.LSTM(6, 20, rng=0), alone)
    use_threads(2)
    found = results(model, checkpoint=checkpoint)
    expected = results(model, checkpoint=checkpoint, backend="numpy")
    assert not ran
    assert found.loss == pytest.approx(expected.loss, rel=1e-6)
    np.testing.assert_allclose(
        found.grads["1.0.weight"], expected.grads["1.0.weight"], rtol=1e-4, atol=1e-7
    )


COUNT, SIZE = 40, 3000


def copying(sources: list[Array], to: list[Array], threads: int) -> Turn:
    """A copy from an array to another in each round, in parts that threads share."""
    copy, part = library(np.dtype(np.float64)).address("copy.task"), SIZE // 6
    tasks = [
        COPY.row(copy, False, x=place(0, 8 * k), y=place(1, 8 * k), n=part)
        for k in range(0, SIZE, part)
    ]
    bases = np.array([[address(x), address(y)] for x, y in zip(sources, to, strict=True)], np.int64)
    return Turn(Job(np.array([tasks], np.int64)), bases, threads, kept=(sources, to))


@pytest.mark.parametrize("most", [1, 2, 3, 4, 7])
def test_a_lane_waits_for_what_it_reads_and_for_room(most: int) -> None:
    first, last = np.arange(1.0 * COUNT * SIZE).reshape(COUNT, SIZE), np.zeros((COUNT, SIZE))
    buffers = np.zeros((2, ROOM, SIZE))
    two, three = ([some[k % ROOM] for k in range(COUNT)] for some in buffers)
    chain = [[*first], two, three, [*last]]
    parts = [copying(x, y, most) for x, y in pairwise(chain)]
    given = [Lane([parts[0]], ROOM), Lane([parts[1]], ROOM), Lane([parts[2]])]
    shares = [shared([1, 1, 1], n) for n in range(1, most + 1)]
    for _ in range(5):
        last[...] = buffers[...] = 0
        lanes.run(given, COUNT, shares)
        assert np.array_equal(last, first)
