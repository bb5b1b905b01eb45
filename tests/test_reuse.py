"""Memory left from run to run: the same bits, nothing overwritten, never above the peak."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from importlib import import_module
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp import memory_pool as module
from rnnbp.ledger import Ledger
from rnnbp.memory_pool import LINE, Reuse
from rnnbp.support.memo import Recent
from tests.helpers import assert_same_bits
from tests.plans import COSTS
from tests.reused import B, N, T, given, reals, run
from tests.reused import untraced as untraced  # a fixture

pytestmark = pytest.mark.long

calibration = import_module("rnnbp.bptt.calibration")


@pytest.mark.parametrize("backend", ["numpy", None])
@pytest.mark.parametrize("checkpoint", ["all", "sqrt"])
@pytest.mark.parametrize("cell", [rb.LSTM, rb.GRU, rb.RNN])
def test_runs_in_used_memory_give_the_same_bits(
    cell: Any, checkpoint: str, backend: str | None
) -> None:
    model = cell(32, N, rng=0)
    how: dict[str, Any] = {"checkpoint": checkpoint, "backend": backend, "chunk": 20}
    fresh = []
    for seed in (0, 7):
        rb.release_memory()
        fresh.append(run(model, seed, **how))
    for expected, seed in zip(fresh * 2, (0, 7, 0, 7), strict=True):
        assert_same_bits(run(model, seed, **how), expected)


def test_outputs_that_a_loss_keeps_are_not_overwritten() -> None:
    kept: list[np.ndarray] = []
    copies: list[np.ndarray] = []

    def keeping(y: np.ndarray, dy: np.ndarray) -> tuple[float, np.ndarray]:
        kept.append(y[1:, ::2])
        copies.append(kept[-1].copy())
        return 0.0, dy

    model = rb.LSTM(32, N, rng=0)
    found = [run(model, seed, keeping) for seed in range(4)]
    expected = [(g.dx.copy(), g.state[0][0].copy()) for g in found if g.dx is not None]
    run(model, 9, keeping)
    for y, copy in zip(kept, copies, strict=True):
        np.testing.assert_array_equal(y, copy)
    for g, (dx, state) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(g.dx, dx)
        np.testing.assert_array_equal(g.state[0][0], state)


@pytest.mark.parametrize("backend", ["numpy", None])
@pytest.mark.parametrize("checkpoint", ["all", "sqrt", "1.6 MB"])
def test_what_is_kept_stays_within_the_peak_that_the_ledger_tells(
    checkpoint: str, backend: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that NumPy holds, traced from before the first run on: during the third, and after it."""
    monkeypatch.setattr(calibration, "_known", Recent(256))
    monkeypatch.setattr(
        calibration, "measured", lambda *_: COSTS
    )  # the plan must not depend on how busy a machine is
    check_peak(rb.LSTM(32, N, rng=0), reals(T, B, N), given, checkpoint, backend)


@pytest.mark.parametrize("backend", ["numpy", None])
@pytest.mark.parametrize("checkpoint", ["all", "sqrt"])
@pytest.mark.parametrize(
    "head",
    [[rb.Dense(N, 300, rng=1)], [rb.Dense(N, 90, rng=1), rb.Tanh(), rb.Dense(90, 300, rng=2)]],
)
def test_so_do_the_temporary_arrays_of_a_head(
    head: list[Any], checkpoint: str, backend: str | None
) -> None:
    model = rb.Sequential(rb.Dense(32, 40, rng=3), rb.LSTM(40, N, rng=0), *head)
    target = np.random.default_rng(0).integers(0, 300, (T, B))
    check_peak(model, target, rb.losses.CrossEntropy(), checkpoint, backend)
    check_peak(model, reals(T, B, 300), rb.losses.MeanSquaredError(), checkpoint, backend)


def check_peak(
    model: Any, target: np.ndarray, loss: Any, checkpoint: str, backend: str | None
) -> None:
    x = reals(T, B, 32)
    how: Any = {"checkpoint": checkpoint, "backend": backend} | (
        {} if checkpoint.endswith("B") else {"chunk": 16}
    )
    rb.bptt(model, x, target, loss, **how)
    rb.release_memory()
    gc.collect()
    tracemalloc.start()
    base = tracemalloc.get_traced_memory()[0]
    try:
        for _ in range(3):
            tracemalloc.reset_peak()
            peak = rb.bptt(model, x, target, loss, **how).stats.peak_bytes
        measured = tracemalloc.get_traced_memory()[1] - base
        left = tracemalloc.get_traced_memory()[0] - base
        rb.release_memory()
        after = tracemalloc.get_traced_memory()[0] - base
    finally:
        tracemalloc.stop()
    assert measured <= peak + 300_000  # what Python's own objects take
    assert peak // 3 < left <= peak + 300_000
    assert after < 300_000 < left + 300_000 - peak // 4


def test_another_kind_of_run_gives_it_back() -> None:
    model = rb.LSTM(32, N, rng=0)
    run(model)
    (first,) = module._last
    assert first.free > 10**6
    run(model)
    assert module._last == [first]
    run(model, chunk=8)
    assert module._last != [first]
    for other in (
        lambda: rb.predict(model, reals(T, B, 32)),
        lambda: rb.evaluate(model, reals(T, B, 32), reals(T, B, N), rb.losses.MeanSquaredError()),
    ):
        run(model)
        (first,) = module._last
        other()
        (left,) = module._last
        assert left is not first
        assert left.free == 0


def test_nothing_is_kept_while_tracemalloc_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    run(rb.LSTM(32, N, rng=0))
    assert module._last
    monkeypatch.setattr(module.tracemalloc, "is_tracing", lambda: True)
    run(rb.LSTM(32, N, rng=0))
    assert not module._last


def test_nothing_is_kept_of_a_run_that_failed() -> None:
    def failing(y: np.ndarray, dy: np.ndarray) -> tuple[float, np.ndarray]:
        raise RuntimeError("no loss")

    model = rb.LSTM(32, N, rng=0)
    run(model)
    with pytest.raises(RuntimeError, match="no loss"):
        run(model, loss=failing)
    assert not module._last


def test_runs_in_threads_have_memory_of_their_own() -> None:
    model = rb.LSTM(32, N, rng=0)
    expected = {seed: run(model, seed) for seed in range(4)}
    found: dict[int, rb.Gradients] = {}

    def work(seed: int) -> None:
        for _ in range(5):
            found[seed] = run(model, seed)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for seed, result in expected.items():
        assert_same_bits(found[seed], result)


def address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def test_blocks() -> None:
    """A block is reused when the last view is gone, and given back when the ledger says so."""
    memory, kind, shape = Reuse("kind"), np.dtype(np.float64), (100, 100)
    memory.begin(ledger := Ledger())
    with ledger.reserve("tape", 500_000):
        pass
    first = memory.new(shape, kind)
    view, at = first[3, 4:], address(first)
    assert at % LINE == 0
    assert first.flags.writeable
    del first
    second = memory.new(shape, kind)
    assert address(second) != at
    view[...] = 5
    assert memory.free == 0
    del view
    assert memory.free == 80_000 + LINE
    again = memory.new(shape, kind)
    assert address(again) == at
    assert memory.new((2, 2), kind).base is None  # too small for a block
    del again, second
    assert memory.free == 2 * (80_000 + LINE)
    with ledger.reserve("tape", 400_000):
        assert memory.free == 80_000 + LINE  # with it the two would be above the peak
    with ledger.reserve("tape", 500_000):
        assert memory.free == 0
