"""A schedule run on numbers instead of arrays: what it takes, and whether it is legal."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from rnnbp.actions import Action, Advance, Backward, Drop, Load, Record, Store
from rnnbp.schedules import ScheduleLike, check_counts, resolve


class ScheduleError(ValueError):
    """A schedule that cannot be run; names the action."""


@dataclass(frozen=True)
class Simulation:
    """What a schedule takes: the counts that a run of it must show."""

    chunks: int
    peak_slots: int
    peak_tapes: int
    steps_run: int
    """Cell steps run forward, reruns included."""
    steps_rerun: int
    counts: dict[str, int]
    """How often each action occurs, by its name."""


def simulate(
    schedule: ScheduleLike, chunks: int | None = None, *, steps: int | None = None, chunk: int = 1
) -> Simulation:
    """Run a schedule on numbers instead of arrays.

    Args:
        schedule: actions, or what ``bptt`` takes as ``checkpoint``.
        chunks: how many there are; by default ⌈steps/chunk⌉, or the schedule's own ``chunks``.
        steps, chunk: length of the sequence and of a chunk, to count steps; by default a chunk is one step.

    Raises ScheduleError for an action whose data is not there, a slot or a tape left over, an early end.
    """
    if chunks is None:
        chunks = getattr(schedule, "chunks", None) if steps is None else math.ceil(steps / chunk)
    if chunks is None:
        raise ValueError("simulate: give chunks or steps; this schedule does not say how many it is for")
    check_counts(chunks)
    total = chunks * chunk if steps is None else steps
    lengths = [min(chunk, total - n * chunk) for n in range(chunks)]
    return _Machine(chunks).run(resolve(schedule, chunks), lengths)


class _Machine:
    """The engine's state, on sets of chunk numbers."""

    def __init__(self, chunks: int) -> None:
        self.chunks = chunks
        self.present = 0
        self.left = chunks
        self.slots: set[int] = set()
        self.tapes: set[int] = set()

    def run(self, actions: Iterable[Action], lengths: list[int]) -> Simulation:
        counts: dict[str, int] = {}
        peak_slots = peak_tapes = steps = 0
        for number, action in enumerate(actions):
            self.check(number, action)
            self.apply(action)
            counts[type(action).__name__] = counts.get(type(action).__name__, 0) + 1
            peak_slots, peak_tapes = max(peak_slots, len(self.slots)), max(peak_tapes, len(self.tapes))
            if isinstance(action, (Advance, Record)):
                steps += lengths[action.n]
        self.check_end()
        return Simulation(self.chunks, peak_slots, peak_tapes, steps, steps - sum(lengths), counts)

    def check(self, number: int, action: Action) -> None:
        where = f"action {number}, {action}"
        if not isinstance(action, Action):
            raise ScheduleError(f"action {number} is {action!r}; use the actions of rnnbp.actions")
        if not 0 <= action.n < self.chunks:
            raise ScheduleError(f"{where}: there are {self.chunks} chunks, numbered from 0")
        match action:
            case Advance(n) | Record(n) | Store(n) if n != self.present:
                raise ScheduleError(f"{where}: the present state enters chunk {self.present}; Load({n}) first")
            case Load(n) | Drop(n) if n not in self.slots:
                raise ScheduleError(f"{where}: no slot holds this checkpoint; Store({n}) first")
            case Record(n) if n in self.tapes:
                raise ScheduleError(f"{where}: this tape is held already; Backward({n}) first")
            case Store(n) if n in self.slots:
                raise ScheduleError(f"{where}: this checkpoint is stored already; Drop({n}) first")
            case Backward(n) if n != self.left - 1:
                raise ScheduleError(f"{where}: chunks go backward in order, next is {self.left - 1}")
            case Backward(n) if n not in self.tapes:
                raise ScheduleError(f"{where}: no tape of this chunk is held; Record({n}) first")

    def apply(self, action: Action) -> None:
        match action:
            case Advance(n):
                self.present = n + 1
            case Record(n):
                self.present = n + 1
                self.tapes.add(n)
            case Store(n):
                self.slots.add(n)
            case Load(n):
                self.present = n
            case Drop(n):
                self.slots.remove(n)
            case Backward(n):
                self.tapes.remove(n)
                self.left = n

    def check_end(self) -> None:
        if self.left:
            raise ScheduleError(f"the schedule ends early: chunk {self.left - 1} has not gone backward")
        if self.slots or self.tapes:
            raise ScheduleError(f"the schedule leaks: slots {sorted(self.slots)}, tapes {sorted(self.tapes)} are held")
