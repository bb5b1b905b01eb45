"""Actions of another package, by name and attributes: what each becomes, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

import rnnbp as rb
from rnnbp.actions import Advance, Backward, Drop, Load, Record, Store
from rnnbp.schedules import Foreign


class Storage(NamedTuple):
    name: str


RAM, DISK, WORK, NONE = map(Storage, ("RAM", "DISK", "WORK", "NONE"))


class Forward(NamedTuple):
    n0: int
    n1: int
    write_ics: bool
    write_adj_deps: bool
    storage: Storage


class Reverse(NamedTuple):
    n1: int
    n0: int
    clear_adj_deps: bool = True


class Copy(NamedTuple):
    n: int
    from_storage: Storage
    to_storage: Storage


class Move(Copy):
    pass


class EndReverse(NamedTuple):
    pass


TWICE = [
    Forward(0, 2, True, False, DISK),
    Forward(2, 3, False, True, WORK),
    Reverse(3, 2),
    Copy(0, DISK, WORK),
    Forward(0, 1, True, False, RAM),
    Forward(1, 2, False, True, WORK),
    Reverse(2, 1),
    Move(0, RAM, WORK),
    Forward(0, 1, False, True, WORK),
    Reverse(1, 0),
    EndReverse(),
    "what follows the end is not read",
]
"""The state at 0 is on disk and in RAM at once, and its copy on disk is never given up."""


def test_a_state_in_both_tiers_is_in_the_faster_one() -> None:
    found = list(Foreign(TWICE, 3))
    assert found == [
        *[Store(0, "disk"), Advance(0), Advance(1), Record(2), Backward(2)],
        *[Load(0), Drop(0), Store(0), Advance(0), Record(1), Backward(1)],
        *[Load(0), Record(0), Backward(0), Drop(0)],
    ]
    assert rb.simulate(found, 3, ram=1, disk=1).steps_run == 3 + 2 + 1


@pytest.mark.quick
def test_a_tape_stored_anywhere_is_a_tape() -> None:
    theirs = [
        Forward(0, 2, False, True, DISK),
        Copy(1, DISK, WORK),
        Reverse(2, 1),
        Move(0, DISK, WORK),
        Reverse(1, 0),
    ]
    assert list(Foreign(theirs, 2)) == [Record(0), Record(1), Backward(1), Backward(0)]


def test_a_forward_run_alone_is_followed_by_one_with_tapes() -> None:
    theirs = [Forward(0, 2**62, False, False, NONE)]
    expected = [
        Store(0),
        Advance(0),
        Advance(1),
        Load(0),
        Drop(0),
        Record(0),
        Record(1),
        Backward(1),
        Backward(0),
    ]
    assert list(Foreign(theirs, 2)) == expected


def test_moving_to_the_same_tier_or_to_nothing() -> None:
    theirs = [
        Forward(0, 1, True, False, RAM),
        Move(0, RAM, RAM),
        Forward(1, 2, True, False, DISK),
        Move(1, DISK, NONE),
    ]
    assert list(Foreign(theirs, 9))[:4] == [Store(0), Advance(0), Store(1, "disk"), Advance(1)]
    assert list(Foreign(theirs, 9))[4] == Drop(1)


@pytest.mark.quick
def test_functions_iterators_and_lists() -> None:
    """A list and a function are read each time; an iterator once, and its translation kept."""
    made = []

    def make() -> Iterator[object]:
        made.append(1)
        return iter(TWICE)

    expected = list(Foreign(TWICE, 3))
    for schedule in (Foreign(make, 3), Foreign(iter(TWICE), 3)):
        assert list(schedule) == list(schedule) == expected
    assert len(made) == 2


class Stream:
    """Of unknown length, told its end."""

    max_n = None
    told = 0

    def __iter__(self) -> Iterator[object]:
        n = 0
        while not self.told:
            yield Forward(n, n + 2, False, True, RAM)
            n += 2
        yield Reverse(self.told, 0)

    def finalize(self, n: int) -> None:
        self.told = n


@pytest.mark.parametrize("chunks", [1, 2, 3, 8])
def test_a_schedule_of_unknown_length_is_told_its_end(chunks: int) -> None:
    assert rb.simulate(list(Foreign(Stream(), chunks)), chunks).steps_run == chunks


@pytest.mark.parametrize(
    ("theirs", "error", "message"),
    [
        (
            [Forward(0, 1, True, False, RAM), "Reverse"],
            TypeError,
            "action 1 is 'Reverse', none of checkpoint_schedules",
        ),
        ([Copy(0, RAM, WORK)], ValueError, r"action 0, Copy\(n=0, .*: nothing is stored at 0"),
        (
            [Forward(0, 2, False, True, RAM), Reverse(1, 0)],
            rb.ScheduleError,
            r"action 2, Backward\(n=0\): .* next is 1",
        ),
        (
            [Forward(0, 1, False, True, RAM), Reverse(2, 0)],
            rb.ScheduleError,
            r"Backward\(n=1\): no tape of this chunk",
        ),
        ([Forward(0, 2, True, False, RAM)][:0], rb.ScheduleError, "ends early"),
    ],
)
def test_what_is_refused(theirs: list, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        rb.simulate(Foreign(theirs, 2))


def test_length_must_be_known() -> None:
    with pytest.raises(ValueError, match="does not say how many chunks it is for; give chunks"):
        Foreign(TWICE)
