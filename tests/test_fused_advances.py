"""Chunks that are advanced in one go: the same states, bytes and gradients as one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.actions import Action, Advance, Load, Record, Store
from rnnbp.bptt.chunk import Chunks
from rnnbp.bptt.fused_advances import FusedAdvances
from rnnbp.machine import chosen
from rnnbp.runners.base import FusedRunner
from rnnbp.schedules import EveryK, Multistage, Revolve, ThinTapes
from tests import helpers
from tests.helpers import UseThreads

reals = partial(helpers.reals, dtype="float32")

T, B, N = 203, 3, 40
MSE = rb.losses.MeanSquaredError()
SCHEDULES: dict[str, Callable[[int], Any]] = {
    "every chunk": lambda n: EveryK(n, 1),
    "every third": lambda n: EveryK(n, 3),
    "revolve": lambda n: Revolve(n, 3),
    "thin": lambda n: ThinTapes(n, 2),
    "disk": lambda n: EveryK(n, 1, "disk"),
    "two tiers": lambda n: Multistage(n, 2, 2),
}


def groups(actions: Iterable[Action]) -> list[tuple[int, tuple[bool, ...]]]:
    """First chunk of each group, and which states after its chunks are stored."""
    fused = FusedAdvances()
    popped = [(action.n, fused.groups.pop(action.n, ())) for action in fused.find(iter(actions))]
    assert not fused.groups  # each is there when its first action comes
    return [(n, stored) for n, stored in popped if stored]


def test_groups_of_advances() -> None:
    assert list(FusedAdvances().find(EveryK(9, 2))) == list(EveryK(9, 2))
    assert groups(list(EveryK(5, 1))) == [(0, (True,) * 4)]
    assert groups(list(EveryK(6, 2))) == [(0, (False, True, False, True))]
    assert groups([Advance(0), Advance(1), Record(2)]) == [(0, (False, True))]
    assert groups([Advance(0), Store(1, "disk"), Advance(1), Advance(2)]) == [(1, (False, True))]
    assert groups([Advance(0), Load(0), Advance(0), Store(1), Record(1)]) == []


def test_a_long_group_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FusedRunner, "MOST", 4)
    assert groups(list(EveryK(7, 1))) == [(0, (True, True)), (2, (True, True)), (4, (True, True))]
    assert groups([Advance(n) for n in range(6)]) == [
        (0, (False, False, False, True)),
        (4, (False, True)),
    ]


@pytest.fixture
def gone(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many chunks were advanced in each go."""
    found: list[int] = []
    plain = Chunks.advance_all

    def counted(self: Chunks, n: int, stored: tuple[bool, ...], states: Any) -> Any:
        found.append(len(stored))
        return plain(self, n, stored, states)

    monkeypatch.setattr(Chunks, "advance_all", counted)
    return found


@pytest.mark.one_in(6)
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("chunk", [1, 7, 20])
@pytest.mark.parametrize("cell", [rb.LSTM, rb.GRU, rb.RNN])
def test_bits_are_those_of_full_caching(cell: Any, chunk: int, schedule: str) -> None:
    model, x, target = cell(5, N, rng=0), reals(T, B, 5), reals(T, B, N, seed=1)
    how = {"checkpoint": SCHEDULES[schedule], "chunk": chunk}
    expected, found = (rb.bptt(model, x, target, MSE, **given) for given in ({"chunk": chunk}, how))
    assert found.loss == expected.loss
    np.testing.assert_array_equal(found.dx, expected.dx)
    for one, other in zip(found.state[0], expected.state[0], strict=True):
        np.testing.assert_array_equal(one, other)
    exact = 0 if schedule != "thin" else 1e-5  # gates that are rebuilt are equal to rounding
    for key, grad in expected.grads.items():
        np.testing.assert_allclose(found.grads[key], grad, rtol=exact, atol=exact)


DISKS = ("disk", "two tiers")  # what is on its way to the disk depends on the disk


@pytest.mark.one_in(6)
@pytest.mark.parametrize("schedule", [name for name in SCHEDULES if name not in DISKS])
@pytest.mark.parametrize("chunk", [1, 7, 20])
@pytest.mark.parametrize("cell", [rb.LSTM, rb.GRU, rb.RNN])
def test_bytes_are_those_that_were_predicted(cell: Any, chunk: int, schedule: str) -> None:
    model, x, target = cell(5, N, rng=0), reals(T, B, 5), reals(T, B, N, seed=1)
    how = {"checkpoint": SCHEDULES[schedule], "chunk": chunk}
    predicted = rb.forecast(model, MSE, steps=T, batch=B, x_shape=(5,), **how)
    found = rb.bptt(model, x, target, MSE, **how)
    assert found.stats.peak_bytes_by_kind == predicted.peak_bytes_by_kind


@pytest.mark.skipif(not chosen(), reason="machine code runs several chunks in one go")
@pytest.mark.one_in(6)
@pytest.mark.parametrize("schedule", ["every chunk", "every third", "revolve"])
@pytest.mark.parametrize("chunk", [1, 7, 20])
@pytest.mark.parametrize("cell", [rb.LSTM, rb.GRU, rb.RNN])
def test_chunks_are_advanced_in_one_go(
    cell: Any, chunk: int, schedule: str, gone: list[int]
) -> None:
    model, x, target = cell(5, N, rng=0), reals(T, B, 5), reals(T, B, N, seed=1)
    found = rb.bptt(model, x, target, MSE, checkpoint=SCHEDULES[schedule], chunk=chunk)
    assert gone
    assert sum(gone) <= found.stats.counts["Advance"]


@pytest.mark.parametrize("threads", ["1", "3"])
def test_threads_make_no_difference(threads: str, use_threads: UseThreads) -> None:
    model, x, target = rb.LSTM(5, N, rng=0), reals(T, 16, 5), reals(T, 16, N, seed=1)
    results = []
    for count in ("2", threads):
        use_threads(count)
        results.append(
            rb.bptt(model, x, target, MSE, chunk=20, checkpoint=SCHEDULES["every chunk"])
        )
    for key, grad in results[0].grads.items():
        np.testing.assert_array_equal(results[1].grads[key], grad)


@pytest.mark.parametrize(
    "like", [np.asfortranarray, lambda x: x.astype(np.float64), lambda x: iter(np.split(x, 7))]
)
def test_inputs_that_are_read_chunk_by_chunk_are_not_run_in_one_go(
    like: Any, gone: list[int]
) -> None:
    model, x, target = rb.LSTM(5, N, rng=0), reals(210, B, 5), reals(210, B, N, seed=1)
    how = {"chunk": 20, "checkpoint": SCHEDULES["every chunk"]}
    expected = rb.bptt(model, x, target, MSE, **how, dx=False)
    gone.clear()
    found = rb.bptt(model, like(x), target, MSE, **how, dx=False, steps=210)
    assert not gone
    for key, grad in expected.grads.items():
        np.testing.assert_array_equal(found.grads[key], grad)


def test_states_that_x_does_not_feed() -> None:
    a, h = rb.Input(5), rb.State(N)
    new = rb.Tanh()(rb.Dense(N, N, rng=0)(h))
    model = rb.Recurrent(rb.Cell(a, {h: new}, output=rb.Dense((5, N), 4, rng=1)(a, new)))
    given = reals(T, B, 5), reals(T, B, 4, seed=1), MSE
    state = (reals(B, N, seed=2),)
    expected, found = (
        rb.bptt(model, *given, chunk=20, state=state, checkpoint=how) for how in ("all", "sqrt")
    )
    np.testing.assert_array_equal(found.dstate[0][0], expected.dstate[0][0])
    for key, grad in expected.grads.items():
        np.testing.assert_array_equal(found.grads[key], grad)


def test_layers_before_a_cell_run_chunk_by_chunk(gone: list[int]) -> None:
    model = rb.Sequential(rb.Dense(5, 6, rng=0), rb.LSTM(6, N, rng=1))
    x, target = reals(T, B, 5), reals(T, B, N, seed=1)
    expected, found = (
        rb.bptt(model, x, target, MSE, chunk=20, checkpoint=how) for how in ("all", "sqrt")
    )
    assert not gone
    for key, grad in expected.grads.items():
        np.testing.assert_array_equal(found.grads[key], grad)
