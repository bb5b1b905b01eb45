"""Chunks that machine code runs in rounds: the bits, bytes and counts of chunks run one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.bptt.lane_chunks import LaneChunks
from rnnbp.bptt.stretches import StretchRunner
from rnnbp.machine.elementwise import COPY, library
from rnnbp.machine.records import place
from rnnbp.machine.team import rounds
from rnnbp.machine.team.job import Job
from rnnbp.machine.team.rounds import Turn
from rnnbp.numerics import Array, address

pytest.importorskip("llvmlite")


def read_out(dtype: str) -> rb.Recurrent:
    """A Recurrent whose y is no state of its."""
    x, h = rb.Input(6), rb.State(7, "h")
    after = rb.Tanh()(rb.Dense((6, 7), 7, dtype=dtype)(x, h))
    return rb.Recurrent(
        rb.Cell(x, {h: after}, output=rb.Tanh()(rb.Dense(7, 4, dtype=dtype)(after)))
    )


MODELS: dict[str, Callable[[str], rb.Sequential]] = {
    "lstm": lambda t: rb.Sequential(rb.LSTM(6, 9, dtype=t), rb.Dense(9, 5, dtype=t)),
    "alone": lambda t: rb.Sequential(rb.RNN(6, 5, dtype=t)),
    "two and two": lambda t: rb.Sequential(
        rb.LSTM(6, 9, dtype=t),
        rb.GRU(9, 11, dtype=t),
        rb.Dense(11, 8, dtype=t),
        rb.Dense(8, 5, dtype=t),
    ),
    "activations": lambda t: rb.Sequential(
        rb.RNN(6, 9, dtype=t),
        rb.GELU(),
        rb.Dense(9, 7, dtype=t),
        rb.Tanh(),
        rb.Dense(7, 5, dtype=t),
    ),
    "embedding": lambda t: rb.Sequential(
        rb.Embedding(11, 6, dtype=t), rb.LSTM(6, 9, dtype=t), rb.Dense(9, 5, dtype=t)
    ),
    "one-hot": lambda t: rb.Sequential(
        rb.OneHot(11), rb.GRU(11, 9, dtype=t), rb.Dense(9, 5, dtype=t)
    ),
    "y of its own": lambda t: rb.Sequential(read_out(t), rb.Dense(4, 5, dtype=t)),
}
RUNS = {
    "all": {"chunk": 5},
    "all, one chunk left over": {"chunk": 7},
    "no dx": {"chunk": 5, "dx": False},
    "recomputed": {"chunk": 5, "checkpoint": "sqrt"},
    "parts of the sums": {"chunk": 2},
    "horizon": {"chunk": 5, "horizon": 20},
    "horizon, recomputed": {"chunk": 5, "horizon": 40, "checkpoint": "sqrt"},
    "horizon of a chunk": {"chunk": 5, "horizon": 5},
    "y too": {"chunk": 5, "return_y": True},
}
STEPS, BATCH, CLASSES = 203, 3, 5


@pytest.fixture(autouse=True)
def kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses are machine code too, whatever the environment names."""
    monkeypatch.setenv("RNNBP_BACKEND", "llvm")


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """What lets chunks run one by one from then on."""

    def one_by_one() -> None:
        monkeypatch.setattr(StretchRunner, "most", 0)
        monkeypatch.setattr(LaneChunks, "_lanes_in_one_go", False)

    return one_by_one


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rounds of each call."""
    found, run = list[int](), rounds.run
    monkeypatch.setattr(rounds, "run", lambda turns, n: (found.append(n), run(turns, n)))
    return found


def results(model: rb.Sequential, dtype: str, loss: rb.losses.Loss, **run: object) -> list[object]:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(STEPS, BATCH, 6)).astype(dtype)
    if isinstance(model.blocks[0], rb.Embedding | rb.OneHot):
        x = rng.integers(0, 11, (STEPS, BATCH))
    found = rb.bptt(model, x, rng.integers(0, CLASSES, (STEPS, BATCH)), loss, **run)
    arrays = [*found.grads.values(), found.dx, found.y]
    arrays += [a for of in (*found.dstate, *found.state) for a in of]
    stats = found.stats
    counts = stats.counts, stats.steps_run, stats.peak_tapes, stats.peak_bytes, stats.object_bytes
    return [found.loss, *[None if a is None else a.tobytes() for a in arrays], counts]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("name", MODELS)
def test_bits_bytes_and_counts(
    name: str, run: str, dtype: str, alone: Callable[[], None], counted: list[int]
) -> None:
    model, loss = MODELS[name](dtype), rb.losses.CrossEntropy()
    rounded = results(model, dtype, loss, **RUNS[run])
    in_rounds = sum(counted)
    assert in_rounds
    alone()
    assert results(model, dtype, loss, **RUNS[run]) == rounded
    assert sum(counted) == in_rounds


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda x: x.astype(np.float64)])
def test_inputs_that_are_copied(
    layout: Callable[[Array], Array], alone: Callable[[], None], counted: list[int]
) -> None:
    rng, model, loss = np.random.default_rng(3), MODELS["lstm"]("float32"), rb.losses.CrossEntropy()
    x = layout(rng.normal(size=(STEPS, BATCH, 6)).astype(np.float32))
    target, found = rng.integers(0, CLASSES, (STEPS, BATCH)), []
    for run in (lambda: None, alone):
        run()
        result = rb.bptt(model, x, target, loss, chunk=5)
        grads = [result.dx, *result.grads.values()]
        found.append([result.loss, result.stats.peak_bytes, *[g.tobytes() for g in grads]])
    assert found[0] == found[1]
    assert sum(counted) == 79


def test_all_but_two_run_in_rounds(counted: list[int]) -> None:
    # Of 41 chunks, the last has 3 steps, and runs alone; so does the first of 5 steps that goes
    # backward, which makes tables.
    results(MODELS["lstm"]("float32"), "float32", rb.losses.CrossEntropy(), chunk=5)
    assert counted == [32, 8, 31, 8]


@pytest.mark.parametrize(
    ("loss", "rounds"),
    [
        (rb.losses.CrossEntropy([1.0, 2.0, 1.0, 1.0, 3.0]), 79),
        (rb.losses.CrossEntropy(label_smoothing=0.1), 40),
    ],
    ids=["weighted", "smooth: between chunks"],
)
def test_other_losses(
    loss: rb.losses.Loss, rounds: int, alone: Callable[[], None], counted: list[int]
) -> None:
    model = MODELS["lstm"]("float32")
    rounded = results(model, "float32", loss, chunk=5)
    assert sum(counted) == rounds
    alone()
    assert results(model, "float32", loss, chunk=5) == rounded


@pytest.mark.long
@pytest.mark.grid
def test_large_chunks_have_no_rounds(counted: list[int]) -> None:
    # 3 · 10⁹ operations of a chunk: two or three together; 1.3 · 10¹⁰: none.
    for units, most in ((512, 3), (1024, 0)):
        x, target = np.zeros((192, 64, 8), np.float32), np.zeros((192, 64, units), np.float32)
        rb.bptt(rb.LSTM(8, units), x, target, rb.losses.MeanSquaredError(), chunk=24)
        assert max(counted, default=0) == most
        counted.clear()


def test_a_model_without_recurrents_has_no_rounds(counted: list[int]) -> None:
    results(rb.Sequential(rb.Dense(6, 5)), "float32", rb.losses.CrossEntropy(), chunk=5)
    assert not counted


def test_a_target_that_is_no_class_is_named_by_its_step() -> None:
    model, x = MODELS["lstm"]("float32"), np.zeros((STEPS, BATCH, 6), np.float32)
    target = np.zeros((STEPS, BATCH), np.int64)
    target[77, 1] = 5
    with pytest.raises(ValueError, match=r"target 5 at \[77, 1\] is not in \[0, 5\)"):
        rb.bptt(model, x, target, rb.losses.CrossEntropy(), chunk=5)


@pytest.mark.parametrize("threads", [1, 2])
def test_rounds_do_the_jobs_in_order(threads: int) -> None:
    dtype = np.dtype(np.float64)
    task = COPY.row(library(dtype).address("copy.task"), False, x=place(0), y=place(1), n=3)
    job = Job(np.array([[task]], np.int64))
    first, kept = np.arange(12.0).reshape(4, 3), np.zeros((2, 4, 3))

    def copying(sources: Array, to: Array) -> Turn:
        at = np.arange(4) * 24
        bases = np.stack([address(sources) + at, address(to) + at], axis=1)
        return Turn(job, np.ascontiguousarray(bases), threads, kept=(sources, to))

    rounds.run([copying(first, kept[0]), copying(kept[0], kept[1])], 4)
    assert np.array_equal(kept, [first, first])
