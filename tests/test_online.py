"""Sequences of unknown length: their cost against that of a known length, and the actions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import pytest

import rnnbp as rb
from rnnbp.actions import Action, Backward, Load, Record
from rnnbp.schedules import Online, Revolve, Streamed
from rnnbp.schedules.binomial import cost

pytestmark = pytest.mark.alike

LONGEST = 10_000


@lru_cache
def ratios(slots: int) -> list[float]:
    """Of the cost, if the sequence ends after 1, 2, … chunks, to that of the best schedule."""
    sweep, found = Online(slots).sweep(), []
    for chunks in range(1, LONGEST + 1):
        found.append(sweep.steps / cost(chunks, slots))
        sweep.forward()
    return found


@pytest.mark.parametrize(
    "slots",
    [3, 7, *(pytest.param(n, marks=pytest.mark.long) for n in (4, 5, 6, 8, 10, 13, 20, 30, 50))],
)
def test_within_a_tenth_of_the_best_for_every_length(slots: int) -> None:
    assert min(ratios(slots)) >= 1
    assert max(ratios(slots)) <= 1.062


@pytest.mark.parametrize("slots", [1, 2])
def test_few_slots(slots: int) -> None:
    """One slot leaves no choice; with two, the worst is 122 runs for 110, at 15 chunks."""
    assert max(ratios(slots)) <= (1, 122 / 110)[slots - 1]


@pytest.mark.parametrize("slots", [1, 2, 3, 10, 50])
def test_the_best_while_everything_fits(slots: int) -> None:
    assert set(ratios(slots)[: slots + 1]) == {1}


@pytest.mark.quick
@pytest.mark.parametrize("slots", [1, 2, 3, 5, 13, 50])
@pytest.mark.parametrize("chunks", [1, 2, 3, 4, 8, 21, 60, 150])
def test_schedule_takes_what_the_sweep_says(chunks: int, slots: int) -> None:
    schedule = Online(slots)(chunks)
    assert schedule == Streamed(chunks, slots)
    found = rb.simulate(schedule, slots=slots, tapes=1)
    assert Revolve(chunks, slots).steps <= found.steps_run == schedule.steps
    assert rb.simulate(Online(slots), chunks) == found
    assert list(schedule) == list(schedule)


@pytest.mark.long
def test_long_schedules_take_what_the_sweep_says() -> None:
    assert rb.simulate(Streamed(LONGEST, 20), slots=20).steps_run == Streamed(LONGEST, 20).steps


@pytest.mark.parametrize("slots", [2, 4, 9])
def test_nothing_depends_on_what_comes_later(slots: int) -> None:
    """The actions before the end is told are those of any longer sequence."""
    longest = [list(actions) for actions in steps(slots, 60)]
    for chunks in (1, 2, 17, 40, 59):
        sweep = Online(slots).sweep()
        assert [sweep.forward() for _ in range(chunks)] == longest[:chunks]
        assert [Record(chunks), Backward(chunks), Load(sweep.stored[-1])] == list(sweep.end())[:3]


def steps(slots: int, chunks: int) -> Iterator[list[Action]]:
    sweep = Online(slots).sweep()
    for _ in range(chunks):
        yield sweep.forward()


def test_two_sweeps_are_apart() -> None:
    one, other = Online(3).sweep(), Online(3).sweep()
    for _ in range(9):
        one.forward()
    assert (other.present, other.stored) == (0, [])


def test_arguments() -> None:
    with pytest.raises(ValueError, match="a schedule's slots must be at least 1, found 0"):
        Online(0)
