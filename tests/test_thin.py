"""Thin tapes: what is rebuilt, what is run again, and that nothing else changes."""

from __future__ import annotations

import math

import pytest

import rnnbp as rb
from rnnbp.actions import Backward, Keep, Load, Rebuild, Record
from rnnbp.schedules import ISM, All, EveryK, Optimal, Revolve, ThinTapes, thin

SIZES = [1, 2, 3, 5, 8, 9, 33, 100]


def test_three_chunks_by_hand() -> None:
    expected = [
        Keep(0),
        Keep(1),
        Record(2),
        Backward(2),
        Rebuild(1),
        Backward(1),
        Rebuild(0),
        Backward(0),
    ]
    assert list(ThinTapes(3)) == expected


@pytest.mark.quick
@pytest.mark.parametrize("chunks", SIZES)
def test_all_states_kept(chunks: int) -> None:
    schedule = ThinTapes(chunks)
    found = rb.simulate(schedule, slots=0, tapes=1)
    assert (found.steps_run, found.steps_rerun) == (schedule.steps, 0) == (chunks, 0)
    assert found.chunks_rebuilt == schedule.rebuilt == found.peak_thin_tapes == chunks - 1


@pytest.mark.parametrize("k", [1, 2, 3, 8, 200])
@pytest.mark.parametrize("chunks", SIZES)
def test_states_of_a_segment_kept(chunks: int, k: int) -> None:
    schedule = ThinTapes(chunks, k)
    found = rb.simulate(schedule, tapes=1, thin_tapes=min(k, chunks) - 1)
    segments = math.ceil(chunks / k)
    assert found.steps_run == schedule.steps == EveryK(chunks, k).steps
    assert found.chunks_rebuilt == schedule.rebuilt == chunks - segments
    assert found.peak_slots == segments - 1
    assert list(schedule) == list(schedule)


@pytest.mark.quick
@pytest.mark.parametrize(
    "schedule", [All(30), EveryK(30, 4), Revolve(30, 3), ISM(30, 4), Optimal(30, 12, 3)]
)
def test_any_schedule_can_be_thin(schedule: All) -> None:
    """The same runs, slots and loads; one tape at most, and as many thin ones as tapes waited."""
    fat, lean = rb.simulate(schedule), rb.simulate(list(thin(schedule)), 30, tapes=1)
    assert (lean.steps_run, lean.writes, lean.counts.get("Load")) == (
        fat.steps_run,
        fat.writes,
        fat.counts.get("Load"),
    )
    assert fat.peak_tapes - 1 <= lean.peak_thin_tapes <= fat.peak_tapes
    assert lean.chunks_rebuilt == lean.counts.get("Keep", 0) == lean.counts.get("Rebuild", 0)


def test_steps_rebuilt_count_the_short_last_chunk() -> None:
    actions = [Keep(0), Keep(1), Rebuild(1), Backward(1), Rebuild(0), Backward(0)]
    found = rb.simulate(actions, steps=5, chunk=3)
    assert (found.steps_run, found.steps_rebuilt, found.chunks_rebuilt) == (5, 5, 2)


CASES = {
    "rebuilds what was not kept": (
        [Record(0), Rebuild(0)],
        r"action 1, Rebuild\(n=0\): no thin tape of this chunk",
    ),
    "rebuilds twice": (
        [Keep(0), Rebuild(0), Rebuild(0)],
        r"action 2, Rebuild\(n=0\): no thin tape",
    ),
    "reverses a thin tape": (
        [Keep(0), Keep(1), Backward(1)],
        r"action 2, Backward\(n=1\): no tape of this chunk",
    ),
    "keeps twice": (
        [Keep(0), Load(0), Keep(0)],
        r"action 2, Keep\(n=0\): this thin tape is held already; Rebuild",
    ),
    "keeps from elsewhere": ([Keep(1)], r"action 0, Keep\(n=1\): the present state enters chunk 0"),
    "rebuilds onto a tape": (
        [Keep(0), Load(0), Record(0), Rebuild(0)],
        r"action 3, Rebuild\(n=0\): its thin tape would",
    ),
    "leaks": (
        [Keep(0), Load(0), Record(0), Record(1), Backward(1), Backward(0)],
        r"thin tapes \[0\] are held",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_illegal_schedules_name_the_action(case: str) -> None:
    actions, message = CASES[case]
    with pytest.raises(rb.ScheduleError, match=message):
        rb.simulate(actions, 2)


@pytest.mark.parametrize("held", [Keep, Record])
@pytest.mark.parametrize("n", [1, 2])
def test_states_are_read_from_tapes_of_both_sides(held: type, n: int) -> None:
    """The state entering chunk 1 or 2 is read where chunk 1 was kept; that of chunk 0 is not."""
    rest = [Record(0), Backward(0)]
    before = [rb.actions.Store(0), rb.actions.Advance(0), held(1), Record(2), Load(n)]
    back = [
        Backward(2),
        *([Rebuild(1)] if held is Keep else []),
        Backward(1),
        Load(0),
        rb.actions.Drop(0),
        *rest,
    ]
    assert rb.simulate(before + back, 3).reads == {"ram": 1, "disk": 0}
    with pytest.raises(
        rb.ScheduleError, match=r"Load\(n=0\): no slot holds this checkpoint, nor does a tape"
    ):
        rb.simulate([rb.actions.Advance(0), held(1), Load(0)], 3)
