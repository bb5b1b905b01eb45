"""Two tiers: against every plan there is, and every assignment of slots to tiers."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import combinations

import pytest

import rnnbp as rb
from rnnbp.actions import Action, Advance, Backward, Drop, Load, Record, Store
from rnnbp.schedules import DiskRevolve, Multistage, Revolve

pytestmark = pytest.mark.alike

Machine = tuple[int, int, int, int]
"""The chunk that the present state enters; the chunks not yet reversed; RAM and disk, as bits."""


def cheapest_plan(chunks: int, ram: int, write: float, read: float) -> float:
    """The least time of any sequence of actions, by Dijkstra's search over all states."""
    start = (0, chunks, 0, 0)
    best, queue = {start: 0.0}, [(0.0, start)]
    while queue:
        time, machine = heapq.heappop(queue)
        if not machine[1]:
            return time
        if time > best[machine]:
            continue
        for price, (present, left, in_ram, on_disk) in moves(
            *machine, ram=ram, write=write, read=read
        ):
            live = (1 << left) - 1  # no checkpoint past what is left is of use
            after = (present, left, in_ram & live, on_disk & live)
            if time + price < best.get(after, float("inf")):
                best[after] = time + price
                heapq.heappush(queue, (time + price, after))
    raise AssertionError("no plan")


def moves(
    present: int, left: int, in_ram: int, on_disk: int, *, ram: int, write: float, read: float
) -> Iterator[tuple[float, Machine]]:
    for n in range(left):
        if in_ram >> n & 1:
            yield 0, (n, left, in_ram, on_disk)
            yield 0, (present, left, in_ram & ~(1 << n), on_disk)
        if on_disk >> n & 1:
            yield read, (n, left, in_ram, on_disk)
    if present < left:
        yield 1, (present + 1, left, in_ram, on_disk)
        yield write, (present, left, in_ram, on_disk | 1 << present)
        if in_ram.bit_count() < ram:
            yield 0, (present, left, in_ram | 1 << present, on_disk)
        if present == left - 1:
            yield 1, (left, left - 1, in_ram, on_disk)


def time_taken(schedule: DiskRevolve) -> float:
    found = rb.simulate(schedule, ram=schedule.ram, tapes=1)
    assert found.steps_run == schedule.steps
    return (
        found.steps_run
        + schedule.write * found.writes["disk"]
        + schedule.read * found.reads["disk"]
    )


@pytest.mark.one_in(6)
@pytest.mark.parametrize("read", [0, 0.5, 1, 4])
@pytest.mark.parametrize("write", [0, 0.5, 2, 5])
@pytest.mark.parametrize("ram", [1, 2, 3])
@pytest.mark.parametrize("chunks", [1, 2, 4, pytest.param(6, marks=pytest.mark.long)])
def test_disk_revolve_no_plan_is_cheaper(chunks: int, ram: int, write: float, read: float) -> None:
    schedule = DiskRevolve(chunks, ram, write, read)
    assert cheapest_plan(chunks, ram, write, read) == schedule.cost == time_taken(schedule)


@pytest.mark.parametrize("ram", [1, 2, 5, 20])
@pytest.mark.parametrize(("write", "read"), [(0, 0), (1, 1), (3, 2), (0.25, 8), (1000, 1000)])
@pytest.mark.parametrize("chunks", [20, 63, 200])
def test_disk_revolve_takes_what_its_tables_say(
    chunks: int, ram: int, write: float, read: float
) -> None:
    schedule = DiskRevolve(chunks, ram, write, read)
    assert time_taken(schedule) == schedule.cost <= Revolve(chunks, ram).steps
    assert list(schedule) == list(schedule)


@pytest.mark.quick
def test_disk_revolve_at_its_ends() -> None:
    """A free disk is as many slots as chunks; one too dear is not used."""
    free, dear = rb.simulate(DiskRevolve(50, 1, 0, 0)), DiskRevolve(50, 3, 1e6, 1e6)
    assert free.steps_run == 99
    assert list(dear) == list(Revolve(50, 3))


@pytest.mark.parametrize(
    ("ram", "disk"), [(1, 0), (0, 1), (1, 1), (2, 3), (0, 4), (4, 0), (5, 20), (200, 1)]
)
@pytest.mark.parametrize("chunks", [1, 2, 3, 10, 57, 200])
def test_multistage_runs_the_steps_of_revolve(chunks: int, ram: int, disk: int) -> None:
    schedule = Multistage(chunks, ram, disk)
    found = rb.simulate(schedule, ram=ram, disk=disk, tapes=1)
    plain = Revolve(chunks, ram + disk)
    assert found.steps_run == schedule.steps == plain.steps
    assert [(type(a), a.n) for a in schedule] == [(type(a), a.n) for a in plain]


def uses(schedule: Iterable[Action]) -> Counter[int]:
    """How often each slot is written or read; slot k is the one that is filled while k are held."""
    found, held = Counter[int](), list[int]()
    for action in schedule:
        match action:
            case Store():
                held.append(action.n)
                found[held.index(action.n)] += 1
            case Load():
                found[held.index(action.n)] += 1
            case Drop():
                assert held.pop() == action.n
    return found


@pytest.mark.parametrize(
    ("chunks", "ram", "disk"), [(9, 1, 2), (30, 2, 2), (30, 1, 4), (71, 3, 2), (100, 2, 6)]
)
def test_multistage_uses_the_disk_least(chunks: int, ram: int, disk: int) -> None:
    """Of all ways to put a number of the slots, as revolve nests them, into RAM."""
    found, used = rb.simulate(Multistage(chunks, ram, disk)), uses(Revolve(chunks, ram + disk))
    least = min(
        sum(used.values()) - sum(used[d] for d in kept)
        for kept in combinations(range(ram + disk), ram)
    )
    assert found.writes["disk"] + found.reads["disk"] == least > 0


def test_tiers_are_counted_and_limited() -> None:
    rest = [Record(0), Backward(0)]
    actions = [
        Store(0, "disk"),
        Advance(0),
        Store(1),
        Record(1),
        Load(1),
        Drop(1),
        Backward(1),
        Load(0),
        Drop(0),
        *rest,
    ]
    found = rb.simulate(actions, 2)
    assert (found.peak_slots, found.peak_slots_by_tier) == (2, {"ram": 1, "disk": 1})
    assert (found.writes, found.reads) == ({"ram": 1, "disk": 1}, {"ram": 1, "disk": 1})
    for limit in ("ram", "disk"):
        with pytest.raises(
            rb.ScheduleError, match=rf"Store\(.*: 1 {limit} slots would be held, 0 are allowed"
        ):
            rb.simulate(actions, 2, **{limit: 0})
    with pytest.raises(
        rb.ScheduleError, match=r"action 2, Store\(n=1\): 2 slots would be held, 1 are allowed"
    ):
        rb.simulate(actions, 2, slots=1)


def test_a_tape_is_read_rather_than_the_disk() -> None:
    before = [Store(0), Record(0), Store(1, "disk"), Record(1), Load(1), Drop(1), Load(0), Drop(0)]
    found = rb.simulate([*before, Backward(1), Backward(0)], 2)
    assert found.reads == {"ram": 1, "disk": 0}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Multistage(5, -1, 3), "a schedule's ram must be at least 0, found -1"),
        (lambda: Multistage(5, 3, -2), "a schedule's disk must be at least 0, found -2"),
        (lambda: Multistage(5, 0, 0), "a schedule's slots must be at least 1, found 0"),
        (lambda: DiskRevolve(5, 0, 1, 1), "a schedule's ram must be at least 1"),
        (
            lambda: DiskRevolve(5, 1, -1, 1),
            "the cost to write a checkpoint must be 0 or more chunk runs, found -1",
        ),
        (
            lambda: DiskRevolve(5, 1, 1, float("nan")),
            "the cost to read a checkpoint must be 0 or more",
        ),
        (
            lambda: rb.simulate([Store(0, "tape")], 1),
            r"Store\(n=0, tier='tape'\): there is no tier 'tape'; use 'ram' or",
        ),
    ],
)
def test_arguments(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]
