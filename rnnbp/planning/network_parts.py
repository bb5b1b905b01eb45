"""What a plan of a network over time is made of: its sweeps and edges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

from rnnbp.planning.costs import Costs
from rnnbp.planning.short_tape_lines import ShortTapes
from rnnbp.planning.sweep_sizes import SweepSizes
from rnnbp.schedules.simulation import Simulation
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


@final
@dataclass(frozen=True)
class SweepPlan:
    """A sweep of a plan: layers that one pass over a time axis runs, chunk by chunk.

    Attributes:
        axis: the name of the time axis.
        layers: the names of its Recurrents, "(reverse)" after those that run so; of its layers if
            there are none.
        name: of the schedule.
        schedule: its actions.
        chunk: steps in a chunk.
        bytes: by kind, at its own peak.
        counts: what the schedule takes.
        seconds: predicted.
        costs: the seconds of actions that these rest on.
        part: the name of the part of the budget that it is of; "" for none.
        short_tapes: bytes of a tape of 16 bits, and of an exact one; None where tapes are exact.
        sizes: bytes of its actions.
    """

    axis: str
    layers: tuple[str, ...]
    name: str
    schedule: SizedSchedule = field(repr=False)
    chunk: int
    bytes: Mapping[str, int] = field(compare=False)
    counts: Simulation = field(repr=False)
    seconds: float
    costs: Costs = field(repr=False)
    part: str = ""
    short_tapes: ShortTapes | None = field(default=None, compare=False)
    sizes: SweepSizes = field(repr=False, compare=False, kw_only=True)

    @property
    def peak_bytes(self) -> int:
        """Of its arrays, at its own peak."""
        return sum(self.bytes.values())


@final
@dataclass(frozen=True)
class EdgePlan:
    """A series that one sweep hands to others.

    Attributes:
        layer: the name of the layer that computes it.
        axis: of its steps.
        bytes: of its values.
        disk: True if they are in a file.
    """

    layer: str
    axis: str
    bytes: int
    disk: bool
