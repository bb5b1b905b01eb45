"""Binomial schedules.

The closed forms against the recurrence, and every schedule against the closed forms.
"""

from __future__ import annotations

import math
from functools import lru_cache

import pytest

import rnnbp as rb
from rnnbp.schedules import Revolve
from rnnbp.schedules.binomial import cost, extra, reach, split, sweeps

pytestmark = pytest.mark.alike

N, M = 300, 30


@lru_cache
def recurrence() -> list[list[int]]:
    """The recurrence of p[s][n] of Griewank & Walther (2000).

    p(n, s) is the minimum over 1 ≤ y < n of y + p(n − y, s − 1) + p(y, s); p(n, 1) is n(n − 1)/2.
    """
    table = [[], [n * (n - 1) // 2 for n in range(N + 1)]]
    for s in range(2, M + 1):
        row = [0, 0]
        for n in range(2, N + 1):
            row.append(min(y + table[s - 1][n - y] + row[y] for y in range(1, n)))
        table.append(row)
    return table


@pytest.mark.parametrize("slots", range(1, M + 1))
def test_closed_form_is_the_recurrence(slots: int) -> None:
    assert [extra(n, slots) for n in range(1, N + 1)] == recurrence()[slots][1:]


@pytest.mark.parametrize("slots", range(2, M + 1))
def test_split_is_where_the_recurrence_is_least(slots: int) -> None:
    p = recurrence()
    for n in range(2, N + 1):
        y = split(n, slots)
        assert 1 <= y < n
        assert y + p[slots - 1][n - y] + p[slots][y] == p[slots][n]


@pytest.mark.quick
@pytest.mark.parametrize("slots", [1, 2, 3, 5, 11, 30, 400])
@pytest.mark.parametrize("chunks", [1, 2, 3, 4, 7, 10, 31, 300])
def test_schedule_takes_what_its_formula_says(chunks: int, slots: int) -> None:
    schedule = Revolve(chunks, slots)
    found = rb.simulate(schedule, slots=slots, tapes=1)
    assert found.steps_run == schedule.steps == cost(chunks, slots)
    assert found.steps_rerun == extra(chunks, slots)
    assert found.peak_slots == min(slots, chunks - 1)
    assert list(schedule) == list(schedule)


def test_figures_of_the_papers() -> None:
    assert reach(3, 4) == 35
    assert Revolve(1000, 50).steps == 2948
    assert [extra(n, n - 1) for n in range(2, 20)] == [n - 1 for n in range(2, 20)]
    assert (sweeps(35, 3), sweeps(36, 3)) == (4, 5)


@pytest.mark.parametrize("slots", [2, 10])
@pytest.mark.long
def test_long_schedules_are_walked_within_their_formula(slots: int) -> None:
    assert rb.simulate(Revolve(20_000 // slots, slots), slots=slots).steps_run == cost(
        20_000 // slots, slots
    )


@pytest.mark.parametrize("slots", [0, -1])
def test_slots_are_counted_from_one(slots: int) -> None:
    with pytest.raises(ValueError, match=f"a schedule's slots must be at least 1, found {slots}"):
        Revolve(4, slots)


def test_millions_of_chunks_have_a_cost() -> None:
    assert cost(10**7, 100) == 6 * 10**7 - math.comb(105, 4)  # β(100, 4) < 10⁷ ≤ β(100, 5)
    assert cost(10**7, 1) == math.comb(10**7 + 1, 2)
