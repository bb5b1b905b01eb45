"""The schedules that are chosen for the sweeps of a network over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from rnnbp.schedules.sized import SizedSchedule


@final
@dataclass(frozen=True)
class NetworkChoice:
    """The schedules of a network within a budget.

    Attributes:
        chunks: by time axis, steps in a chunk of all sweeps over it.
        schedules: of each sweep, in order.
        names: of these.
        bytes: what the run will hold at its peak, Python's objects included.
        seconds: by a count of operations, to compare choices with one another.
        disk: True if edges are in files.
    """

    chunks: Mapping[str, int]
    schedules: tuple[SizedSchedule, ...]
    names: tuple[str, ...]
    bytes: int
    seconds: float
    disk: bool
