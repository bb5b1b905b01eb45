"""The cost model of lanes: which threads have which, and the rounds that it predicts."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest

from rnnbp.runners.lane_shares import ROOM, Shares, Work, makespan, planned, shared

pytestmark = pytest.mark.alike


def loads(costs: list[int], cuts: tuple[int, ...]) -> list[int]:
    """The work of each group of lanes between cuts."""
    ends = [0, *cuts, len(costs)]
    return [sum(costs[a:b]) for a, b in pairwise(ends)]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("threads", [1, 2, 3, 4])
def test_no_cut_of_lanes_leaves_a_thread_less_to_do(seed: int, threads: int) -> None:
    costs = np.random.default_rng(seed).integers(1, 9, 4 + seed % 4).tolist()
    found = np.zeros(threads)
    np.add.at(found, [first for first, _ in shared(costs, threads)], costs)
    cuts = combinations(range(1, len(costs)), threads - 1)
    assert max(found) == min(max(loads(costs, cut)) for cut in cuts)


def test_threads_that_are_left_go_where_there_is_most_to_do() -> None:
    assert shared([1, 5, 2], 3) == ((0, 1), (1, 1), (2, 1))
    assert shared([1, 5, 2], 5) == ((0, 1), (1, 3), (4, 1))


def rounds_by_protocol(shares: Shares, rounds: int) -> int:
    """How often all threads that need not wait do their next job, until all is done: threads go
    through rounds and their lanes in order, and wait as the machine code of lanes does.
    """
    jobs = {
        thread: [
            (r, lane) for r in range(rounds) for lane, (f, _) in enumerate(shares) if f == thread
        ]
        for thread in {first for first, _ in shares}
    }
    ended, count = [0] * len(shares), 0
    while any(jobs.values()):
        ready = [todo for todo in jobs.values() if todo and may_begin(*todo[0], ended)]
        assert ready
        for r, lane in [todo.pop(0) for todo in ready]:
            ended[lane] = r + 1
        count += 1
    return count


def may_begin(r: int, lane: int, ended: list[int]) -> bool:
    read = lane == 0 or ended[lane - 1] > r
    return read and (lane + 1 == len(ended) or ended[lane + 1] > r - ROOM)


@pytest.mark.parametrize("count", [1, 2, 7, 32])
@pytest.mark.parametrize(
    ("lanes", "threads"), [(2, 2), (4, 2), (3, 2), (4, 4), (6, 4), (5, 3), (9, 4)]
)
def test_rounds_are_those_of_the_protocol(lanes: int, threads: int, count: int) -> None:
    shares = shared([1] * lanes, threads)
    assert makespan([1] * lanes, shares, count) == rounds_by_protocol(shares, count)


@pytest.mark.parametrize(("lanes", "threads"), [(2, 4), (4, 8), (2, 2), (4, 4)])
def test_as_many_threads_for_each_lane(lanes: int, threads: int) -> None:
    shares, many = shared([1] * lanes, threads), threads // lanes
    assert makespan([1] * lanes, shares, 32) * many == 32 + lanes - 1


def test_lanes_are_chosen_where_they_take_less() -> None:
    two = Work((10, 10), 32, 4, (0.75, 0.75), 2)
    assert planned(two).pays
    assert planned(two).part == 33 / 64
    assert not planned(two._replace(rounds=2, rows=64, alone=(0.53, 0.53))).pays
    assert not planned(two._replace(costs=(1, 100))).pays
    assert planned(two._replace(alone=(1.0, 1.0), costs=(1, 2))).pays
