"""The two-table optimum: against every plan there is, the plain recurrences, and as actions."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from functools import lru_cache

import pytest

import rnnbp as rb
from rnnbp.schedules import MSM, Optimal, Revolve
from rnnbp.schedules.optimal import cost
from tests.schedule_checks import peak_units

pytestmark = pytest.mark.alike

Machine = tuple[int, int, int, int]
"""The chunk that the present state enters; the chunks not yet reversed; slots, tapes, as bits."""


def cheapest_plan(chunks: int, units: int, alpha: int) -> int:
    """The fewest runs of any sequence of actions, by breadth-first search over all states."""
    start = (0, chunks, 0, 0)
    best = {start: 0}
    queue = deque([(0, start)])
    while queue:
        runs, machine = queue.popleft()
        if not machine[1]:
            return runs
        if runs > best[machine]:
            continue
        for price, after in moves(*machine, units=units, alpha=alpha):
            if runs + price < best.get(after, runs + price + 1):
                best[after] = runs + price
                (queue.append if price else queue.appendleft)((runs + price, after))
    raise AssertionError("no plan")


def moves(
    present: int, left: int, slots: int, tapes: int, *, units: int, alpha: int
) -> Iterator[tuple[int, Machine]]:
    """Next actions and the chunks they run; a slot is one unit, a tape alpha unless brief."""
    room = units - slots.bit_count() - alpha * tapes.bit_count()
    for n in range(left):
        if (slots | tapes | tapes << 1) >> n & 1:
            yield 0, (n, left, slots, tapes)
        if slots >> n & 1:
            yield 0, (present, left, slots & ~(1 << n), tapes)
    if tapes >> (left - 1) & 1:
        yield 0, (present, left - 1, slots, tapes & ~(1 << (left - 1)))
    if present < left:
        yield 1, (present + 1, left, slots, tapes)
        if room >= 1:
            yield 0, (present, left, slots | 1 << present, tapes)
        if room >= alpha:
            yield 1, (present + 1, left, slots, tapes | 1 << present)
        if present == left - 1 and not tapes >> present & 1:
            yield 1, (left, left - 1, slots, tapes)


@pytest.mark.one_in(6)
@pytest.mark.parametrize("alpha", range(1, 5))
@pytest.mark.parametrize("units", range(1, 7))
@pytest.mark.parametrize("chunks", range(1, 9))
def test_no_plan_is_cheaper(chunks: int, units: int, alpha: int) -> None:
    schedule = Optimal(chunks, units, alpha)
    assert cheapest_plan(chunks, units, alpha) == schedule.steps == rb.simulate(schedule).steps_run
    assert peak_units(schedule, alpha) <= units


N, M = 110, 24
BIG = 10**9


@lru_cache
def recurrences(alpha: int) -> tuple[list[list[int]], list[list[int]]]:
    """A[m][t] and B[m][t], term by term."""
    a, b = ([[0] for _ in range(M + 1)] for _ in range(2))
    for m in range(M + 1):
        for t in range(1, N + 1):
            most = t * (t + 1) // 2
            terms = [most]
            terms += [y + a[m][t - y] + b[m][y] for y in range(1, t) if m >= 1]
            terms += [y + b[m - alpha][t - y] + b[m][y - 1] for y in range(1, t + 1) if m >= alpha]
            b[m].append(min(terms))
            terms = [most if m else BIG]
            terms += [y + a[m - 1][t - y] + a[m][y] for y in range(1, t) if m >= 2]
            terms += [
                y + b[m - 1 - alpha][t - y] + a[m][y - 1] for y in range(1, t + 1) if m >= 1 + alpha
            ]
            terms += [1 + b[m - alpha][t - 1]] if m >= alpha else []
            a[m].append(min(terms))
    return a, b


@pytest.mark.parametrize(
    "alpha", [1, 3, *(pytest.param(n, marks=pytest.mark.long) for n in (2, 5, 8, 13))]
)
def test_hulls_are_the_recurrences(alpha: int) -> None:
    a, _ = recurrences(alpha)
    sizes = [*range(1, 12), 17, 23, 38, 57, 83, N]
    for m in range(1, M + 1):
        assert [cost(t, m, alpha) for t in sizes] == [a[m][t] for t in sizes]


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    "alpha", [1, 3, *(pytest.param(n, marks=pytest.mark.long) for n in (2, 5, 8))]
)
@pytest.mark.parametrize("units", [1, 2, 3, 4, 6, 9, 15, 24])
@pytest.mark.parametrize("chunks", [1, 2, 9, 16, 51, 110])
def test_schedule_takes_what_the_tables_say(chunks: int, units: int, alpha: int) -> None:
    schedule = Optimal(chunks, units, alpha)
    found = rb.simulate(schedule)
    assert found.steps_run == schedule.steps == recurrences(alpha)[0][units][chunks]
    assert peak_units(schedule, alpha) <= units
    assert list(schedule) == list(schedule)


@pytest.mark.quick
@pytest.mark.parametrize("units", [5, 30, 200])
def test_never_dearer_than_the_policies_that_it_contains(units: int) -> None:
    for alpha in (1, 2, 6):
        assert cost(1000, units, alpha) <= min(
            MSM(1000, units, alpha).steps, Revolve(1000, units).steps
        )


@pytest.mark.quick
def test_figures() -> None:
    """MSM at 50 units of one unit a tape takes 1950; with the initial state released, 1949."""
    assert Optimal(1000, 50, 1).steps == MSM(1000, 50, 1).steps - 1 == 1949
    assert Optimal(1000, 1000, 1).steps == 1000


def test_tables_of_many_chunks_and_units_take_under_a_second() -> None:
    start = time.process_time()
    assert cost(1000, 200, 4) == 1949
    assert 10**6 < cost(10**6, 200, 4) < cost(10**6, 199, 4) < Revolve(10**6, 199).steps
    assert time.process_time() - start < 1


def test_long_schedules_take_what_the_tables_say() -> None:
    assert rb.simulate(Optimal(30_000, 100, 6)).steps_run == cost(30_000, 100, 6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 1, 1), "chunks must be at least 1"),
        ((1, 0, 1), "units must be at least 1"),
        ((1, 1, 0), "alpha must be"),
    ],
)
def test_arguments(arguments: tuple[int, int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Optimal(*arguments)
