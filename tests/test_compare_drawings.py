"""rb.compare: options that it refuses, drawings of schedules, bytes with units."""

from __future__ import annotations

import math
from typing import Any

import pytest

import rnnbp as rb
from rnnbp.actions import Advance, Backward, Drop, Load, Record, Store
from rnnbp.schedules.timeline import Held, Line
from tests.compared import problem

# Options that cannot be


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"shares": []}, "there is nothing to compare"),
        ({"shares": [0]}, "a share is a number above 0, in percent of full caching, found 0"),
        ({"shares": [math.nan]}, "found nan"),
        ({"schedules": ["all", "best"]}, "there is no schedule 'best'; use some of all, every-k"),
        ({"shares": [1]}, r"no schedule fits in \S+ kB, 1 % of full caching; give a larger share"),
        ({"repeats": 0}, "sweep: repeats must be at least 1, found 0"),
        ({"chunk": 0}, "sweep: chunk must be at least 1, found 0"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        rb.compare.sweep(*problem(), **options)


# Drawings


def test_a_drawing_worked_by_hand() -> None:
    """Three steps in chunks of two.

    The second chunk is short, the first is run again from its checkpoint.
    """
    drawn = rb.compare.timeline(rb.schedules.EveryK(2, 1), steps=3, chunk=2)
    assert drawn.lines == (
        Line("advance", 0, 2, 0, 2),
        Line("record", 2, 3, 2, 3),
        Line("backward", 3, 4, 2, 3),
        Line("record", 4, 6, 0, 2),
        Line("backward", 6, 8, 0, 2),
    )
    assert drawn.held == (
        Held("tape", 3, 4, 2, 3),
        Held("checkpoint", 0, 4, 0, 0),
        Held("tape", 6, 8, 0, 2),
    )
    assert drawn.length == 8


def test_a_drawing_of_thin_tapes() -> None:
    drawn = rb.compare.timeline(rb.schedules.ThinTapes(3), steps=3)
    assert drawn.lines[:3] == (
        Line("keep", 0, 2, 0, 2),
        Line("record", 2, 3, 2, 3),
        Line("backward", 3, 4, 2, 3),
    )
    assert drawn.lines[3:5] == (Line("rebuild", 4, 5, 1, 2), Line("backward", 5, 6, 1, 2))
    assert drawn.held[1] == Held("thin tape", 2, 5, 1, 2)
    assert drawn.length == 8


def test_runs_on_end_are_one_line_and_disks_are_told_apart() -> None:
    actions = [Store(0, "disk"), Advance(0), Advance(1), Record(2), Backward(2), Load(0), Drop(0)]
    actions += [Record(0), Record(1), Backward(1), Backward(0)]
    drawn = rb.compare.timeline(actions, steps=3)
    assert [(line.kind, line.low, line.high) for line in drawn.lines] == [
        ("advance", 0, 2), ("record", 2, 3), ("backward", 2, 3), ("record", 0, 2), ("backward", 0, 2)
    ]  # fmt: skip
    assert Held("disk", 0, 4, 0, 0) in drawn.held
