"""What is true of every kind of schedule, and where a new one appears by itself."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.actions import Action, Advance, Backward, Drop, Load, Record, Store
from rnnbp.compare import draw, draw_frontier, draw_schedules, timeline
from rnnbp.compare.choices import Choice, Chooser
from rnnbp.planning.run_sizes import sizes_of
from rnnbp.planning.search import Search
from rnnbp.schedules.counted import counted_from
from rnnbp.schedules.declared import Holds, Marker, Room
from rnnbp.schedules.registry import KINDS
from rnnbp.schedules.sized import SizedSchedule
from tests.every_schedule import every_schedule
from tests.schedule_checks import peak_units

CHUNKS, CHUNK, B = 7, 3, 2
T = CHUNKS * CHUNK - 1
MSE = rb.losses.MeanSquaredError()
SCHEDULES = every_schedule(CHUNKS)
REPLAYING = {name: schedule for name, schedule in SCHEDULES.items() if not schedule.rebuilt}
SECONDS = {"Advance": 6e-6, "Keep": 7e-6, "Record": 9e-6, "Rebuild": 5e-6, "Backward": 2e-5}
COSTS = rb.Costs(dict.fromkeys(SECONDS, 1e-5), SECONDS)
X = np.random.default_rng(0).normal(size=(T, B, 3)).astype(np.float32)


def model() -> rb.LSTM:
    return rb.LSTM(3, 4, rng=0)


def kinds(schedule: type[SizedSchedule]) -> Iterator[str]:
    """Labels of what the library builds of a class of schedules."""
    for below in schedule.__subclasses__():
        yield from kinds(below)
        if not inspect.isabstract(below) and below.__module__.startswith("rnnbp."):
            yield below.label


def test_every_class_of_schedules_is_in_the_registry() -> None:
    assert set(kinds(SizedSchedule)) == set(KINDS)


def test_every_kind_is_there() -> None:
    assert {schedule.label for schedule in SCHEDULES.values()} == set(KINDS)


@pytest.mark.parametrize("name", SCHEDULES)
def test_it_is_legal_and_runs_what_it_declares(name: str) -> None:
    schedule = SCHEDULES[name]
    found = rb.simulate(schedule)
    assert (found.steps_run, found.chunks_rebuilt) == (schedule.steps, schedule.rebuilt)
    assert dict(found.counts)["Backward"] == schedule.chunks


@pytest.mark.parametrize("name", SCHEDULES)
def test_its_bytes_are_within_what_it_declares(name: str) -> None:
    """In units of a slot, where a tape takes two as in the rooms of these tests."""
    schedule = SCHEDULES[name]
    held, counted = schedule.holds, counted_from(schedule)
    assert peak_units(schedule, 2) <= held.slots + held.disk + 2 * (held.tapes - 1)
    assert counted.thin <= held.thin
    assert (counted.disk, counted.moved) <= (held.disk, held.moved)


@pytest.mark.parametrize("name", SCHEDULES)
def test_what_is_counted_is_what_simulate_counts(name: str) -> None:
    found, counted = rb.simulate(SCHEDULES[name]), counted_from(SCHEDULES[name])
    assert found.peak_slots_by_tier == {"ram": counted.slots, "disk": counted.disk}
    assert (found.peak_tapes, found.peak_thin_tapes) == (counted.tapes, counted.thin)
    assert max(found.writes["disk"], found.reads["disk"]) == counted.moved


@pytest.mark.parametrize("name", REPLAYING)
def test_its_gradients_are_those_of_full_caching(name: str) -> None:
    given: Any = (model(), X, X[..., :1].repeat(4, axis=2), MSE)
    expected = rb.bptt(*given, chunk=CHUNK)
    found = rb.bptt(*given, chunk=CHUNK, checkpoint=REPLAYING[name])
    np.testing.assert_array_equal(found.dx, expected.dx)
    for path, grad in expected.grads.items():
        np.testing.assert_array_equal(found.grads[path], grad)


@pytest.mark.long
@pytest.mark.parametrize("name", SCHEDULES)
def test_its_run_is_what_was_forecast(name: str) -> None:
    schedule, predicted_of = SCHEDULES[name], {"steps": T, "batch": B}
    predicted = rb.forecast(model(), MSE, **predicted_of, chunk=CHUNK, checkpoint=schedule)
    found = rb.bptt(model(), X, X[..., :1].repeat(4, axis=2), MSE, chunk=CHUNK, checkpoint=schedule)
    assert found.stats.counts == predicted.counts
    assert found.stats.peak_slots == predicted.peak_slots


COUNTS = {
    (schedule.label, field.name): schedule
    for schedule in SCHEDULES.values()
    for field in fields(schedule)
    if field.init and isinstance(getattr(schedule, field.name), int)
}
"""Of every kind and each of its counts, a schedule that has it."""


def test_every_kind_has_counts() -> None:
    assert {label for label, _ in COUNTS} == set(KINDS)
    assert {label for label, name in COUNTS if name == "chunks"} == set(KINDS)


@pytest.mark.parametrize(("label", "name"), COUNTS)
def test_its_counts_are_integers_of_at_least_1(label: str, name: str) -> None:
    schedule = COUNTS[label, name]
    with pytest.raises(ValueError, match=rf"a schedule's {name} must be at least [01], found -1"):
        replace(schedule, **{name: -1})
    for wrong in (1.5, "2", True):
        with pytest.raises(TypeError, match=rf"a schedule's {name} must be an integer, found"):
            replace(schedule, **{name: wrong})


@pytest.mark.parametrize("name", SCHEDULES)
def test_it_is_drawn_to_its_end(name: str) -> None:
    found = timeline(SCHEDULES[name], T, CHUNK)
    stats = rb.simulate(SCHEDULES[name], steps=T, chunk=CHUNK)
    assert found.length == stats.steps_run + stats.steps_rebuilt + T


@pytest.mark.parametrize("name", SCHEDULES)
def test_it_is_resized_to_other_chunks_and_back(name: str) -> None:
    schedule = SCHEDULES[name]
    assert rb.schedules.resized(rb.schedules.resized(schedule, 5), CHUNKS) == schedule
    assert rb.simulate(rb.schedules.resized(schedule, 5), 5).counts["Backward"] == 5


@dataclass(frozen=True)
class FirstOnly(SizedSchedule):
    """The initial state alone is held: every chunk is reached from the start."""

    label: ClassVar[str] = "first-only"
    marker: ClassVar[Marker] = Marker("x", "red")

    chunks: int

    @property
    def steps(self) -> int:
        return self.chunks * (self.chunks + 1) // 2

    @classmethod
    def choices(cls, room: Room) -> Iterator[SizedSchedule]:
        yield cls(room.chunks)

    def __iter__(self) -> Iterator[Action]:
        yield Store(0)
        for n in reversed(range(self.chunks)):
            yield Load(0)
            yield from (Advance(k) for k in range(n))
            yield Record(n)
            yield Backward(n)
        yield Drop(0)


def test_a_new_kind_has_its_counts_checked() -> None:
    with pytest.raises(ValueError, match="a schedule's chunks must be at least 1, found -1"):
        FirstOnly(-1)


@pytest.fixture
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, FirstOnly.label, FirstOnly)


@pytest.mark.usefixtures("_registered")
def test_a_new_kind_is_among_the_candidates_of_a_plan() -> None:
    assert FirstOnly(5).holds == Holds(slots=1)  # counted, since it does not declare it
    search = Search(sizes_of(rb.Sequential(model()), (3,), B, MSE), T, COSTS)
    assert "first-only" in {found.name for found in search.planned(10**6)}


@pytest.mark.long
@pytest.mark.usefixtures("_registered")
def test_a_new_kind_is_compared_and_drawn() -> None:
    target = X[..., :1].repeat(4, axis=2)
    found = rb.compare.sweep(
        model(), X, target, MSE, shares=[100], schedules=["first-only", "all"], chunk=3, repeats=1
    )
    assert [row.choice.name for row in found.rows] == ["all", "first-only"]
    assert found.rows[1].measured.same_bits
    assert draw.markers()["first-only"] == FirstOnly.marker
    assert draw_frontier.frontier(found).startswith(b"\x89PNG")
    assert draw_schedules.schedules(found).startswith(b"\x89PNG")


@pytest.mark.usefixtures("_registered")
def test_a_new_kind_is_chosen_in_the_least_memory() -> None:
    chooser = Chooser(model(), MSE, T, B, (3,), COSTS, CHUNK)
    smallest = chooser.choice("", "", FirstOnly(CHUNKS), CHUNK).forecast.peak_bytes
    found = chooser.best("first-only", smallest)
    assert isinstance(found, Choice)
    assert (found.name, found.forecast.peak_bytes) == ("first-only", smallest)
    assert chooser.best("first-only", smallest - 1) == "bytes"
