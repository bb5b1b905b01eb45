"""A schedule run on numbers instead of arrays: what it takes, and whether it is legal."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from rnnbp.actions import TIERS, Action
from rnnbp.schedules import ScheduleLike, check_counts, resolve
from rnnbp.schedules.cost_text import held_line, steps_line
from rnnbp.schedules.held import EngineState, IllegalError
from rnnbp.schedules.named import check_kind
from rnnbp.support.printing import as_text
from rnnbp.support.reprs import counted, safe, titled
from rnnbp.wording.arguments import takes
from rnnbp.wording.instead import Instead


class ScheduleError(ValueError):
    """A schedule that cannot be run; names the action."""


@dataclass(frozen=True)
class Simulation(Instead):
    """What a schedule takes: the counts that a run of it must show."""

    chunks: int
    peak_slots: int
    peak_tapes: int
    steps_run: int
    """Cell steps run forward one after the other, reruns included."""
    steps_rerun: int
    counts: dict[str, int]
    """How often each action occurs, by its name."""
    peak_slots_by_tier: dict[str, int] = field(default_factory=dict, kw_only=True)
    peak_thin_tapes: int = field(default=0, kw_only=True)
    chunks_rebuilt: int = field(default=0, kw_only=True)
    steps_rebuilt: int = field(default=0, kw_only=True)
    """Steps whose internals were rebuilt from their states; not among ``steps_run``."""
    writes: dict[str, int] = field(default_factory=dict, kw_only=True)
    """Checkpoints written, by tier."""
    reads: dict[str, int] = field(default_factory=dict, kw_only=True)
    """Checkpoints read, by tier; a Load from a tape is none."""

    @safe
    def __repr__(self) -> str:
        what = counted(self.chunks, "chunk")
        return titled(self, what, steps=steps_line(self), held=held_line(self))


@takes()
def simulate(
    schedule: ScheduleLike,
    chunks: int | None = None,
    *,
    steps: int | None = None,
    chunk: int = 1,
    slots: int | None = None,
    ram: int | None = None,
    disk: int | None = None,
    tapes: int | None = None,
    thin_tapes: int | None = None,
) -> Simulation:
    """Run a schedule on numbers instead of arrays.

    Args:
        schedule: actions, or what ``bptt`` takes as ``checkpoint``.
        chunks: their number; by default ⌈steps/chunk⌉, or the schedule's own ``chunks``.
        steps, chunk: length of the sequence and of a chunk, to count steps; by default a chunk is
            one step.
        slots, ram, disk, tapes, thin_tapes: the most that may be held at once of slots, of slots in
            each tier, of tapes and of thin tapes; by default there is no limit.

    Returns:
        A ``Simulation``: what is run, run again, and held at the peak.

    Raises ScheduleError for an action whose data is missing, more held than is allowed, a slot or a
    tape left over, an early end.

    >>> import rnnbp as rb
    >>> found = rb.simulate(rb.schedules.Revolve(10, 3))
    >>> found.steps_run, found.peak_slots
    (25, 3)
    """
    check_counts(1, chunk=chunk, steps=1 if steps is None else steps)
    found = _chunks_of(schedule, steps, chunk) if chunks is None else chunks
    check_counts(found)
    if steps is not None and found != math.ceil(steps / chunk):
        raise ValueError(
            f"simulate: {steps} steps in chunks of {chunk} are {math.ceil(steps / chunk)}, found "
            f"chunks={found}"
        )
    total = found * chunk if steps is None else steps
    lengths = [min(chunk, total - n * chunk) for n in range(found)]
    slotted = {"slots": slots, "ram slots": ram, "disk slots": disk}
    held = EngineState(lengths, {**slotted, "tapes": tapes, "thin tapes": thin_tapes})
    counts = _run(held, resolve(schedule, found))
    _check_end(held)
    return _result(held, counts)


def _chunks_of(schedule: ScheduleLike, steps: int | None, chunk: int) -> int:
    """The number of chunks, where it was not passed. Raises ValueError where it is not known."""
    if steps is not None:
        return math.ceil(steps / chunk)
    found: int | None = getattr(schedule, "chunks", None)
    if found is None:
        check_kind(schedule)
        raise ValueError(
            "simulate: give chunks or steps; this schedule does not say how many it is for"
        )
    return found


def _run(held: EngineState, actions: Iterable[Action]) -> dict[str, int]:
    """Do all actions. Returns how often each occurs. Raises ScheduleError for an illegal one."""
    chunks, counts = len(held.lengths), Counter[type]()
    for number, action in enumerate(actions):
        kind = type(action)
        if kind not in held.handlers:
            raise ScheduleError(
                f"action {number} is {as_text(action)}; use the actions of rnnbp.actions"
            )
        if not 0 <= action.n < chunks:
            raise ScheduleError(
                f"action {number}, {action}: there are {chunks} chunks, numbered from 0"
            )
        try:
            held.handlers[kind](action)
        except IllegalError as error:
            raise ScheduleError(f"action {number}, {action}: {error}") from None
        counts[kind] += 1
    return {kind.__name__: count for kind, count in counts.items()}


def _check_end(held: EngineState) -> None:
    """Raise ScheduleError for an early end, and for what is held still."""
    if held.left:
        raise ScheduleError(f"the schedule ends early: chunk {held.left - 1} has not gone backward")
    if held.slots or held.tapes or held.thin:
        tapes = f"tapes {sorted(held.tapes)}, thin tapes {sorted(held.thin)}"
        raise ScheduleError(f"the schedule leaks: slots {sorted(held.slots)}, {tapes} are held")


def _result(held: EngineState, counts: dict[str, int]) -> Simulation:
    return Simulation(
        len(held.lengths),
        held.peaks["slots"],
        held.peaks["tapes"],
        held.steps,
        held.steps - sum(held.lengths),
        counts,
        peak_slots_by_tier={tier: held.peaks[f"{tier} slots"] for tier in TIERS},
        peak_thin_tapes=held.peaks["thin tapes"],
        chunks_rebuilt=counts.get("Rebuild", 0),
        steps_rebuilt=held.rebuilt_steps,
        writes={tier: held.writes[tier] for tier in TIERS},
        reads={tier: held.reads[tier] for tier in TIERS},
    )
