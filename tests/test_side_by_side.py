"""Recurrents of a sweep that run side by side: the same bits and bytes as in turn, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.bptt.beside_chunks import BesideChunks
from rnnbp.machine.availability import chosen
from rnnbp.machine.team import threads
from rnnbp.machine.team.beside import Beside
from rnnbp.runners import side_by_side
from rnnbp.runners.later import Later
from tests.helpers import UseThreads

pytestmark = pytest.mark.skipif(not chosen(), reason="needs llvmlite")
STEPS, BATCH, UNITS = 11, 3, 5
MSE = rb.losses.MeanSquaredError()
RAGGED = [4, 11, 7]


def both(inputs: int, seed: int) -> Any:
    return rb.Bidirectional(
        rb.LSTM(inputs, UNITS, rng=seed), rb.GRU(inputs, UNITS, rng=seed + 1, reverse=True)
    )


def stack() -> Any:
    return rb.Sequential(
        both(4, 0), rb.Dropout(0.2), both(2 * UNITS, 2), rb.Dense(2 * UNITS, 3, rng=4)
    )


def two_of_one_input() -> Any:
    """Two Recurrents over one x, which the head reads too: deltas of x come from three sides."""
    x = rb.Input(4)
    one, other = rb.LSTM(4, UNITS, rng=0)(x), rb.RNN(4, UNITS, rng=1)(x)
    return rb.Graph(
        x, {"y": rb.Dense(2 * UNITS + 4, 3, rng=2)(rb.Concat(UNITS, 4, UNITS)(one, x, other))}
    )


def of_shared_weights() -> Any:
    x = rb.Input(4)
    cell = rb.LSTM(4, UNITS, rng=0)
    back = rb.Recurrent(cell.cell, reverse=True)
    return rb.Graph(
        x, {"y": rb.Dense(2 * UNITS, 3, rng=2)(rb.Concat(UNITS, UNITS)(cell(x), back(x)))}
    )


MODELS: dict[str, Callable[[], Any]] = {
    "stack": stack,
    "two of one input": two_of_one_input,
    "shared weights": of_shared_weights,
}


def run(model: Any, outputs: int = 3, **options: Any) -> Any:
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(STEPS, BATCH, 4)), rng.normal(size=(STEPS, BATCH, outputs))
    given = {"chunk": 4, "lengths": None} | options
    x, target = x.astype(np.float32), target.astype(np.float32)
    return rb.bptt(model, x, target, MSE, **given)


def numbers(found: Any) -> Iterator[Any]:
    yield found.loss
    yield from found.grads.values()
    yield found.dx
    yield from (array for state in (*found.state, *found.dstate) for array in state)


def assert_same(found: Any, expected: Any) -> None:
    for one, other in zip(numbers(found), numbers(expected), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The models here are small, and run side by side all the same."""
    monkeypatch.setattr(side_by_side, "WORTH", 0)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many Recurrents have run side by side, call by call."""
    found, plain = list[int](), Beside.run

    def counted(self: Beside, n: int) -> None:
        found.append(len(self._jobs))
        plain(self, n)

    monkeypatch.setattr(Beside, "run", counted)
    return found


@pytest.mark.parametrize("schedule", ["all", "sqrt", "thin"])
@pytest.mark.parametrize("lengths", [None, RAGGED], ids=["whole", "ragged"])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.one_in(3, "name")
def test_the_same_bits_as_in_turn(
    name: str, lengths: Any, schedule: str, use_threads: UseThreads, ran: list[int]
) -> None:
    checkpoint: Any = {"thin": rb.schedules.ThinTapes}.get(schedule, schedule)
    use_threads(1)
    expected = run(MODELS[name](), lengths=lengths, checkpoint=checkpoint)
    assert not ran
    use_threads(2)
    found = run(MODELS[name](), lengths=lengths, checkpoint=checkpoint)
    assert set(ran) <= {2}
    network = name == "stack" or lengths is not None  # others run as models of today
    assert bool(ran) == (network and name != "shared weights")
    assert_same(found, expected)
    assert found.stats.peak_bytes == expected.stats.peak_bytes


def test_more_threads_share_the_rows_where_there_are_many(
    monkeypatch: pytest.MonkeyPatch, use_threads: UseThreads, ran: list[int]
) -> None:
    monkeypatch.setattr(side_by_side, "SCARCE", BATCH - 1)
    use_threads(3)
    run(stack())
    assert not ran
    monkeypatch.setattr(side_by_side, "SCARCE", BATCH)
    run(stack())
    assert ran


def test_small_ones_run_in_turn(
    monkeypatch: pytest.MonkeyPatch, use_threads: UseThreads, ran: list[int]
) -> None:
    """A chunk of 4 steps of 3 rows of the LSTM has 12 · 2 · 4 · 5 (4 + 5) operations."""
    use_threads(2)
    expected = run(both(4, 0), checkpoint="all", outputs=2 * UNITS)
    count = len(ran)
    monkeypatch.setattr(side_by_side, "WORTH", 10**4)
    found = run(both(4, 0), checkpoint="all", outputs=2 * UNITS)
    assert (count > 0, len(ran) - count) == (True, 0)
    assert_same(found, expected)


class StoppedError(Exception):
    """What a call that is to be prepared raises."""


@pytest.mark.parametrize("error", [StoppedError, KeyboardInterrupt])
@pytest.mark.parametrize("call", range(5))
def test_an_error_in_either_leaves_nothing_waiting(
    error: type[BaseException], call: int, monkeypatch: pytest.MonkeyPatch, use_threads: UseThreads
) -> None:
    """The run after it has the same bits."""
    use_threads(2)
    model, plain, count = stack(), Beside.do, iter(range(100))
    expected = run(model)

    def raising(*given: Any, **how: Any) -> None:
        raise error

    due = {False: plain, True: raising}

    def failing(self: Beside, *given: Any, **how: Any) -> None:
        due[next(count) == call](self, *given, **how)

    monkeypatch.setattr(Beside, "do", failing)
    with pytest.raises(error):
        run(model)
    monkeypatch.setattr(Beside, "do", plain)
    assert_same(run(model), expected)


def test_an_interrupt_while_they_run(
    monkeypatch: pytest.MonkeyPatch, use_threads: UseThreads
) -> None:
    use_threads(2)
    model = stack()
    expected, team = run(model), threads._team

    def interrupted(_: int) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(team, "wake", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(model)
    assert threads._team is not team
    assert_same(run(model), expected)


def test_what_overflows_in_the_last_steps_runs_in_turn(
    use_threads: UseThreads, ran: list[int]
) -> None:
    """There the interpreter runs the last steps, at once."""
    use_threads(2)
    x = np.ones((STEPS, BATCH, 4), np.float32)
    x[-1] = 1e38
    target = np.zeros((STEPS, BATCH, 2 * UNITS), np.float32)
    found = [
        rb.bptt(both(4, 0), x, target, MSE, chunk=chunk).grads["forward.weight_hh"]
        for chunk in (STEPS, 4)
    ]
    np.testing.assert_allclose(*found, rtol=1e-4)


def test_copies_are_made_when_all_has_run() -> None:
    later, array = Later(), np.zeros(3)
    found = later.copy(array)
    array[:] = 2
    later.run(1)
    np.testing.assert_array_equal(found, [2, 2, 2])


def test_one_recurrent_has_no_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its chunks run as they did: nothing is looked up for them."""
    monkeypatch.setattr(BesideChunks, "_divide", None)
    run(rb.Sequential(rb.LSTM(4, UNITS, reverse=True), rb.Dense(UNITS, 3)))
