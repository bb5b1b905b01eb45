"""HSM, ISM and MSM: closed forms and hulls against the recurrences, schedules against both."""

from __future__ import annotations

from functools import lru_cache

import pytest

import rnnbp as rb
from rnnbp.actions import Store
from rnnbp.schedules import HSM, ISM, MSM, Revolve
from rnnbp.schedules.gruslys import ism_cost, msm_cost
from tests.schedule_checks import peak_units

pytestmark = pytest.mark.alike

N, M = 300, 30
SIZES = [1, 2, 3, 4, 7, 16, 50, 121]


def row(m: int, least: list[list[int]], states: bool, alpha: int, n: int) -> list[int]:
    """C(·, m) from the rows of fewer units; alpha is 0 where no internals are kept."""
    found = [0, 1]
    for t in range(2, n + 1):
        terms = [t * (t + 1) // 2] if m == 1 or alpha > 1 else []
        if states and m > 1:
            terms += [y + least[m - 1][t - y] + found[y] for y in range(1, t)]
        if alpha and m > alpha:
            terms += [y + least[m - alpha][t - y] + found[y - 1] for y in range(1, t + 1)]
        found.append(min(terms))
    return found


@lru_cache
def recurrence(states: bool, alpha: int, n: int) -> list[list[int]]:
    least: list[list[int]] = [[]]
    for m in range(1, M + 1):
        least.append(row(m, least, states, alpha, n))
    return least


@pytest.mark.parametrize("m", range(1, M + 1))
def test_hsm_is_its_recurrence(m: int) -> None:
    assert [HSM(t, m).steps for t in range(1, N + 1)] == recurrence(True, 0, N)[m][1:]


@pytest.mark.parametrize("m", range(1, M + 1))
def test_ism_is_its_recurrence(m: int) -> None:
    assert [ism_cost(t, m) for t in range(1, N + 1)] == recurrence(False, 1, N)[m][1:]


@pytest.mark.one_in(2)
@pytest.mark.parametrize("alpha", [1, 2, 3, 4, 7, 12])
@pytest.mark.parametrize("m", [1, 2, 3, 5, 8, 13, 21, 30])
def test_msm_is_its_recurrence(m: int, alpha: int) -> None:
    sizes = [*range(1, 30), 41, 58, 77, 96, 120]
    assert [msm_cost(t, m, alpha) for t in sizes] == [
        recurrence(True, alpha, 120)[m][t] for t in sizes
    ]


@pytest.mark.parametrize("m", [1, 2, 3, 8, 30, 200])
@pytest.mark.parametrize("chunks", SIZES)
def test_hsm_schedule(chunks: int, m: int) -> None:
    schedule = HSM(chunks, m)
    assert rb.simulate(schedule, slots=m, tapes=1).steps_run == schedule.steps
    assert list(schedule) == list(Revolve(chunks, m))


@pytest.mark.parametrize("m", [1, 2, 3, 8, 30, 200])
@pytest.mark.parametrize("chunks", SIZES)
def test_ism_schedule(chunks: int, m: int) -> None:
    schedule = ISM(chunks, m)
    found = rb.simulate(schedule, slots=1, tapes=m)
    assert found.steps_run == schedule.steps
    assert found.peak_tapes == min(m, chunks)
    assert [action for action in schedule if isinstance(action, Store)] in ([], [Store(0)])


@pytest.mark.quick
@pytest.mark.one_in(3)
@pytest.mark.parametrize("alpha", [1, 2, 3, 7])
@pytest.mark.parametrize("m", [1, 2, 3, 8, 30, 200])
@pytest.mark.parametrize("chunks", SIZES)
def test_msm_schedule(chunks: int, m: int, alpha: int) -> None:
    schedule = MSM(chunks, m, alpha)
    assert rb.simulate(schedule).steps_run == schedule.steps == msm_cost(chunks, m, alpha)
    assert peak_units(schedule, alpha) <= m


@pytest.mark.quick
def test_headline_of_the_paper() -> None:
    """T = 1000 in 5 % of the memory takes a third more time if backward costs two forward."""
    assert ISM(1000, 50).steps == MSM(1000, 50, 1).steps == 1950
    assert (ISM(1000, 50).steps + 2 * 1000) / (3 * 1000) < 4 / 3
    assert HSM(1000, 50).steps == 2948


@pytest.mark.parametrize(
    "make", [lambda: ISM(3, 0), lambda: MSM(3, 0, 1), lambda: MSM(3, 1, 0), lambda: HSM(3, 0)]
)
def test_arguments(make: object) -> None:
    with pytest.raises(
        ValueError, match=r"a schedule's (internals|units|alpha|slots) must be at least 1, found 0"
    ):
        make()  # type: ignore[operator]
