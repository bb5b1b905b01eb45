"""What tests of schedules share: what a schedule holds at most, in units, counted on its own."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import rnnbp as rb
from rnnbp.actions import Action, Advance, Backward, Drop, Record, Store


def peak_units(schedule: Iterable[Action], alpha: int) -> int:
    """A slot is one unit and a tape alpha, but a tape that goes backward at once is none."""
    actions = list(schedule)
    brief = {
        k
        for k, (a, b) in enumerate(pairwise(actions))
        if isinstance(a, Record) and b == Backward(a.n)
    }
    units = most = 0
    for k, action in enumerate(actions):
        match action:
            case Record() if k not in brief:
                units += alpha
            case Backward() if k - 1 not in brief:
                units -= alpha
            case Store():
                units += 1
            case Drop():
                units -= 1
        most = max(most, units)
    return most


def runs(schedule: Iterable[Action]) -> int:
    """Chunks run forward."""
    return sum(isinstance(action, Advance | Record) for action in schedule)


def accepted(actions: Iterable[Action], chunks: int) -> bool:
    """True if ``simulate`` does not refuse the actions."""
    try:
        rb.simulate(actions, chunks)
    except rb.ScheduleError:
        return False
    return True


def figures(forecast: Any) -> dict[str, Any]:
    """All of a forecast that a run must show exactly: all but the seconds."""
    return {name: value for name, value in vars(forecast).items() if name != "seconds"}
