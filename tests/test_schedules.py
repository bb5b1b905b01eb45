"""Schedules as data: counts by hand, and what ``simulate`` refuses."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.actions import Action, Advance, Backward, Drop, Keep, Load, Rebuild, Record, Store
from rnnbp.schedules import All, EveryK, Sqrt
from tests.schedule_checks import accepted

SIZES = [1, 2, 3, 4, 5, 7, 8, 9, 10, 15, 16, 17, 100, 101]


@pytest.mark.parametrize("chunks", SIZES)
def test_all(chunks: int) -> None:
    found = rb.simulate(All(chunks))
    assert (found.peak_slots, found.peak_tapes, found.steps_run, found.steps_rerun) == (
        0,
        chunks,
        chunks,
        0,
    )
    assert found.counts == {"Record": chunks, "Backward": chunks}


@pytest.mark.quick
@pytest.mark.parametrize("k", [1, 2, 3, 8, 200])
@pytest.mark.parametrize("chunks", SIZES)
def test_every_k_against_its_formula(chunks: int, k: int) -> None:
    found = rb.simulate(EveryK(chunks, k))
    segments = math.ceil(chunks / k)
    assert found.peak_slots == segments - 1
    assert found.peak_tapes == min(k, chunks)
    assert found.steps_rerun == (segments - 1) * k


@pytest.mark.parametrize("chunks", SIZES)
def test_sqrt_takes_about_twice_the_root(chunks: int) -> None:
    found = rb.simulate(Sqrt(chunks))
    root = math.ceil(math.sqrt(chunks))
    assert found.peak_tapes == root
    assert found.peak_slots == math.ceil(chunks / root) - 1 < root
    assert found.steps_rerun < chunks


@pytest.mark.parametrize("schedule", [All(5), EveryK(5, 2), Sqrt(5)])
def test_schedules_are_data(schedule: All | EveryK) -> None:
    """Equal, hashable, and the same actions each time they are iterated."""
    assert list(schedule) == list(schedule)
    assert {schedule, type(schedule)(*((5, 2) if type(schedule) is EveryK else (5,)))} == {schedule}


def test_steps_count_the_short_last_chunk() -> None:
    found = rb.simulate("sqrt", steps=10, chunk=3)  # chunks of 3, 3, 3, 1 in two segments of two
    assert (found.chunks, found.steps_run, found.steps_rerun) == (4, 10 + 6, 6)


GOOD = list(EveryK(4, 2))
CASES = {
    "reverses a chunk whose tape is gone": (
        [Record(0), Advance(1), Backward(1)],
        r"action 2, Backward\(n=1\): no tape",
    ),
    "runs from a state that is elsewhere": (
        [Advance(1)],
        r"action 0, Advance\(n=1\): the present state enters chunk 0",
    ),
    "stores from elsewhere": (
        [Store(1)],
        r"Store\(n=1\): the present state enters chunk 0; Load\(1\) first",
    ),
    "loads what was never stored": (
        [Load(0)],
        r"action 0, Load\(n=0\): no slot holds this checkpoint",
    ),
    "loads what was dropped": (
        [Store(0), Drop(0), Load(0)],
        r"action 2, Load\(n=0\): no slot holds",
    ),
    "drops twice": ([Store(0), Drop(0), Drop(0)], r"action 2, Drop\(n=0\)"),
    "stores twice": ([Store(0), Store(0)], r"Store\(n=0\): this checkpoint is stored already"),
    "records twice": (
        [Store(0), Record(0), Load(0), Record(0)],
        r"action 3, Record\(n=0\): this tape is held already",
    ),
    "goes backward out of order": (
        [Record(0), Record(1), Backward(0)],
        r"action 2, Backward\(n=0\): .* next is 1",
    ),
    "ends early": (
        [Record(0), Record(1), Backward(1)],
        "ends early: chunk 0 has not gone backward",
    ),
    "leaks a slot": (
        [Store(0), Record(0), Record(1), Backward(1), Backward(0)],
        r"leaks: slots \[0\]",
    ),
    "names a chunk that is not there": ([Record(2)], r"Record\(n=2\): there are 2 chunks"),
    "names a negative chunk": ([Record(-1)], r"Record\(n=-1\): there are 2 chunks"),
    "holds something else": (["Record"], r"action 0 is 'Record'; use the actions"),
    "is empty": ([], "ends early: chunk 1"),
}


@pytest.mark.quick
@pytest.mark.parametrize("case", CASES)
def test_illegal_schedules_name_the_action(case: str) -> None:
    actions, message = CASES[case]
    with pytest.raises(rb.ScheduleError, match=message):
        rb.simulate(actions, 2)
    with pytest.raises(rb.ScheduleError, match=message):
        rb.bptt(rb.RNN(1, 1), [[[1.0]], [[2.0]]], None, never, chunk=1, checkpoint=actions)


def never(*_: object) -> None:
    raise AssertionError("an illegal schedule must be refused before any arithmetic")


@pytest.mark.parametrize("position", range(len(GOOD)))
def test_every_action_of_a_legal_schedule_is_needed(position: int) -> None:
    with pytest.raises(rb.ScheduleError):
        rb.simulate(GOOD[:position] + GOOD[position + 1 :], 4)


@pytest.mark.parametrize("position", range(len(GOOD) - 1))
def test_swapping_neighbours_is_seen_or_harmless(position: int) -> None:
    """The simulation agrees with a plain model of what each action needs."""
    swapped = list(GOOD)
    swapped[position], swapped[position + 1] = swapped[position + 1], swapped[position]
    assert accepted(swapped, 4) == legal(swapped, 4)


def legal(actions: list, chunks: int) -> bool:
    """Arrays as sets: the oracle for ``simulate``, written on its own."""
    have, present, done = set(), 0, []
    for action in actions:
        kind, n = type(action).__name__, action.n
        readable = {("Slot", n), ("Tape", n), ("Thin", n), ("Tape", n - 1), ("Thin", n - 1)} & have
        needs = {
            "Load": readable,
            "Drop": ("Slot", n) in have,
            "Backward": ("Tape", n) in have,
            "Rebuild": ("Thin", n) in have,
        }
        if not needs.get(kind, present == n):
            return False
        present = {"Advance": n + 1, "Record": n + 1, "Keep": n + 1, "Load": n}.get(kind, present)
        have -= {
            (what, n)
            for what in {"Drop": ["Slot"], "Backward": ["Tape"], "Rebuild": ["Thin"]}.get(kind, [])
        }
        gained = {
            "Record": ("Tape", n),
            "Rebuild": ("Tape", n),
            "Keep": ("Thin", n),
            "Store": ("Slot", n),
        }.get(kind)
        if gained in have:
            return False
        have |= {gained} if gained else set()
        done += [n] if kind == "Backward" else []
    return done == list(reversed(range(chunks))) and not have


@pytest.mark.parametrize(
    ("chunks", "longest"),
    [(1, 4), *(pytest.param(*size, marks=pytest.mark.long) for size in ((1, 5), (2, 4)))],
)
def test_every_short_sequence_of_actions_agrees_with_the_oracle(chunks: int, longest: int) -> None:
    """All sequences of a number of actions: exactly the legal ones pass."""
    kinds = (Advance, Record, Keep, Rebuild, Store, Load, Drop, Backward)
    every = [kind(n) for kind in kinds for n in range(chunks)]
    passed = 0
    for length in range(longest + 1):
        for actions in itertools.product(every, repeat=length):
            try:
                rb.simulate(list(actions), chunks)
                found = True
            except rb.ScheduleError:
                found = False
            assert found == legal(list(actions), chunks), actions
            passed += found
    assert passed > 0


class Halves:
    """A person's own: a checkpoint at the start, and one in the middle."""

    def __init__(self, chunks: int) -> None:
        self.chunks, self.middle = chunks, chunks // 2

    def __iter__(self) -> Iterator[Action]:
        for start, end in ((self.middle, self.chunks), (0, self.middle)):
            yield from (
                [Store(0), *(Advance(n) for n in range(start))] if start else [Load(0), Drop(0)]
            )
            yield from (Record(n) for n in range(start, end))
            yield from (Backward(n) for n in reversed(range(start, end)))


@pytest.mark.parametrize("chunks", [2, 3, 10, 31])
def test_a_schedule_of_a_persons_own(chunks: int) -> None:
    found = rb.simulate(Halves, chunks)
    assert found == rb.simulate(Halves(chunks), slots=1, tapes=chunks - chunks // 2)
    assert found.steps_rerun == chunks // 2


@pytest.mark.parametrize("limits", [{"tapes": 1}, {"thin_tapes": 0}, {"slots": 0}, {"ram": 0}])
def test_limits_name_the_action_that_exceeds_them(limits: dict) -> None:
    actions = [Store(0), Keep(0), Record(1), Rebuild(0), Backward(1), Backward(0), Drop(0)]
    number = {"slots": 0, "ram": 0, "thin_tapes": 1, "tapes": 3}[next(iter(limits))]
    with pytest.raises(
        rb.ScheduleError,
        match=rf"action {number}, .* would be held, \d are allowed; release one first",
    ):
        rb.simulate(actions, 2, **limits)
    assert (
        rb.simulate(
            actions, 2, **{name: limit + 1 for name, limit in limits.items()}
        ).chunks_rebuilt
        == 1
    )


@pytest.mark.parametrize(
    "schedule", [All(33), EveryK(33, 5), EveryK(33, 1), EveryK(3, 7), Sqrt(33), Sqrt(1)]
)
def test_steps_are_those_of_the_simulation(schedule: All | EveryK) -> None:
    assert rb.simulate(schedule).steps_run == schedule.steps


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: All(0), ValueError, "chunks must be at least 1, found 0"),
        (lambda: rb.simulate("all", 4, chunk=0), ValueError, "chunk must be at least 1, found 0"),
        (
            lambda: rb.simulate("all", steps=9, chunk=2.5),
            TypeError,
            "chunk must be an integer, found 2.5",
        ),
        (
            lambda: rb.simulate("all", 9, steps=5, chunk=3),
            ValueError,
            "5 steps in chunks of 3 are 2, found chunks=9",
        ),
        (lambda: EveryK(4, -1), ValueError, "k must be at least 1, found -1"),
        (lambda: EveryK(4, 1.5), TypeError, "k must be an integer, found 1.5"),
        (
            lambda: rb.simulate("nearly all", 4),
            ValueError,
            "checkpoint 'nearly all' is unknown; use 'all', 'sqrt'",
        ),
        (lambda: rb.simulate([Record(0)]), ValueError, "give chunks or steps"),
        (
            lambda: rb.simulate(type("Unsaid", (list,), {"chunks": None})()),
            ValueError,
            "give chunks or steps",
        ),
        (lambda: rb.simulate(iter([Record(0)]), 1), TypeError, "re-iterable"),
        (lambda: rb.simulate(EveryK(3, 1), 4), rb.ScheduleError, "action"),
    ],
)
def test_arguments(make: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()  # type: ignore[operator]


class Fickle:
    """A schedule that is another the second time."""

    def __init__(self) -> None:
        self.asked = 0

    def __iter__(self) -> Iterator[object]:
        self.asked += 1
        return iter(All(3) if self.asked == 1 else EveryK(3, 1))


def test_a_schedule_that_changes_between_check_and_run_is_refused() -> None:
    with pytest.raises(rb.ScheduleError, match="return the same actions each time it is iterated"):
        rb.bptt(
            rb.RNN(1, 1),
            np.ones((3, 1, 1)),
            np.ones((3, 1, 1)),
            rb.losses.Huber(),
            chunk=1,
            checkpoint=Fickle(),
        )


def test_integers_of_numpy_count() -> None:
    assert list(EveryK(5, np.int64(2))) == list(EveryK(5, 2))
