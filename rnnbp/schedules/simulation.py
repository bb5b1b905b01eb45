"""A schedule run on numbers instead of arrays: what it takes, and whether it is legal."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from rnnbp.actions import (
    TIERS,
    Action,
    Advance,
    Backward,
    Drop,
    Keep,
    Load,
    Rebuild,
    Record,
    Store,
    Tier,
)
from rnnbp.schedules import ScheduleLike, check_counts, resolve
from rnnbp.support.printing import as_text
from rnnbp.support.reprs import bytes_text, counted, listed, safe, titled
from rnnbp.wording.arguments import takes


class ScheduleError(ValueError):
    """A schedule that cannot be run; names the action."""


@dataclass(frozen=True)
class Simulation:
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
    """Steps whose internals were rebuilt from their states, a chunk at once; not among
    ``steps_run``.
    """
    writes: dict[str, int] = field(default_factory=dict, kw_only=True)
    """Checkpoints written, by tier."""
    reads: dict[str, int] = field(default_factory=dict, kw_only=True)
    """Checkpoints read, by tier; a Load from a tape is none."""


ROOM = 70
"""Letters of a line of bytes by kind."""


@safe
def cost_text(self: Any) -> str:
    """The repr of a Simulation with bytes and seconds, predicted or measured, in a few lines."""
    seconds = "seconds not known" if self.seconds is None else f"{self.seconds:.3g} s"
    kinds = sorted(self.peak_bytes_by_kind.items(), key=lambda item: -item[1])
    steps = f"{self.steps_run:,} run, {self.steps_rerun:,} of them again, {self.steps_rebuilt:,} rebuilt"
    held = f"y and dy of all steps are held, {bytes_text(self.output_bytes)}: checkpoints save less"
    return titled(
        self,
        f"peak_bytes {self.peak_bytes:,}, {seconds}",
        at_peak=listed([f"{kind} {bytes_text(n)}" for kind, n in kinds], len(kinds), ROOM),
        **({"loss": held} if self.output_bytes else {}),
        objects=f"{bytes_text(self.object_bytes)} of Python's own, about",
        steps=f"{steps}; in {counted(self.chunks, 'chunk')}",
        held=f"{counted(self.peak_slots, 'checkpoint')}, {counted(self.peak_tapes, 'tape')} at most",
    )


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
    if chunks is None:
        chunks = getattr(schedule, "chunks", None) if steps is None else math.ceil(steps / chunk)
    if chunks is None:
        raise ValueError(
            "simulate: give chunks or steps; this schedule does not say how many it is for"
        )
    check_counts(chunks)
    if steps is not None and chunks != math.ceil(steps / chunk):
        raise ValueError(
            f"simulate: {steps} steps in chunks of {chunk} are {math.ceil(steps / chunk)}, found "
            f"chunks={chunks}"
        )
    total = chunks * chunk if steps is None else steps
    lengths = [min(chunk, total - n * chunk) for n in range(chunks)]
    limits = {
        "slots": slots,
        "ram slots": ram,
        "disk slots": disk,
        "tapes": tapes,
        "thin tapes": thin_tapes,
    }
    return _Machine(lengths, limits).run(resolve(schedule, chunks))


class _IllegalError(Exception):
    """What is wrong with the action being run."""


class _Machine:
    """The engine's state, on sets of chunk numbers."""

    def __init__(self, lengths: list[int], limits: dict[str, int | None]) -> None:
        self.lengths = lengths
        self.limits = {name: math.inf if limit is None else limit for name, limit in limits.items()}
        self.present = 0
        self.left = len(lengths)
        self.slots: dict[int, Tier] = {}
        self.tapes: set[int] = set()
        self.thin: set[int] = set()
        self.in_tier = dict.fromkeys(TIERS, 0)
        self.peaks = dict.fromkeys(limits, 0)
        self.writes, self.reads = dict.fromkeys(TIERS, 0), dict.fromkeys(TIERS, 0)
        self.steps = self.rebuilt = 0

    def run(self, actions: Iterable[Action]) -> Simulation:
        handlers: dict[type, Callable[[Any], None]] = {
            Advance: self.advance, Record: self.record, Keep: self.keep, Rebuild: self.rebuild,
            Store: self.store, Load: self.load, Drop: self.drop, Backward: self.backward,
        }  # fmt: skip
        chunks, counts = len(self.lengths), Counter[type]()
        for number, action in enumerate(actions):
            kind = type(action)
            if kind not in handlers:
                raise ScheduleError(
                    f"action {number} is {as_text(action)}; use the actions of rnnbp.actions"
                )
            if not 0 <= action.n < chunks:
                raise ScheduleError(
                    f"action {number}, {action}: there are {chunks} chunks, numbered from 0"
                )
            try:
                handlers[kind](action)
            except _IllegalError as error:
                raise ScheduleError(f"action {number}, {action}: {error}") from None
            counts[kind] += 1
        self.check_end()
        return self.result({kind.__name__: count for kind, count in counts.items()})

    def advance(self, action: Advance | Record | Keep) -> None:
        self.enters(action.n)
        self.present += 1
        self.steps += self.lengths[action.n]

    def record(self, action: Record) -> None:
        self.advance(action)
        if action.n in self.tapes:
            raise _IllegalError(f"this tape is held already; Backward({action.n}) first")
        self.tapes.add(action.n)
        self.hold("tapes", len(self.tapes))

    def keep(self, action: Keep) -> None:
        self.advance(action)
        if action.n in self.thin:
            raise _IllegalError(f"this thin tape is held already; Rebuild({action.n}) first")
        self.thin.add(action.n)
        self.hold("thin tapes", len(self.thin))

    def rebuild(self, action: Rebuild) -> None:
        if action.n not in self.thin:
            raise _IllegalError(f"no thin tape of this chunk is held; Keep({action.n}) first")
        if action.n in self.tapes:
            raise _IllegalError(
                f"its thin tape would replace the tape held; Backward({action.n}) first"
            )
        self.thin.remove(action.n)
        self.tapes.add(action.n)
        self.rebuilt += self.lengths[action.n]
        self.hold("tapes", len(self.tapes))

    def store(self, action: Store) -> None:
        n, tier = action.n, action.tier
        self.enters(n)
        if n in self.slots:
            raise _IllegalError(f"this checkpoint is stored already; Drop({n}) first")
        if tier not in TIERS:
            raise _IllegalError(f"there is no tier {tier!r}; use {' or '.join(map(repr, TIERS))}")
        self.slots[n] = tier
        self.in_tier[tier] += 1
        self.writes[tier] += 1
        self.hold("slots", len(self.slots))
        self.hold(f"{tier} slots", self.in_tier[tier])

    def load(self, action: Load) -> None:
        n, tier = action.n, self.slots.get(action.n)
        in_tape = n in self.tapes or n in self.thin or n - 1 in self.tapes or n - 1 in self.thin
        if tier is None and not in_tape:
            raise _IllegalError(f"no slot holds this checkpoint, nor does a tape; Store({n}) first")
        if tier is not None and not (tier == "disk" and in_tape):
            self.reads[tier] += 1
        self.present = n

    def drop(self, action: Drop) -> None:
        if action.n not in self.slots:
            raise _IllegalError(
                f"no slot holds this checkpoint to release; Store({action.n}) first"
            )
        self.in_tier[self.slots.pop(action.n)] -= 1

    def backward(self, action: Backward) -> None:
        if action.n != self.left - 1:
            raise _IllegalError(f"chunks go backward in order, next is {self.left - 1}")
        if action.n not in self.tapes:
            raise _IllegalError(f"no tape of this chunk is held; Record({action.n}) first")
        self.tapes.remove(action.n)
        self.left = action.n

    def enters(self, n: int) -> None:
        if n != self.present:
            raise _IllegalError(f"the present state enters chunk {self.present}; Load({n}) first")

    def hold(self, what: str, count: int) -> None:
        if count > self.peaks[what]:
            self.peaks[what] = count
            if count > self.limits[what]:
                raise _IllegalError(
                    f"{count} {what} would be held, {self.limits[what]} are allowed; release one "
                    "first"
                )

    def check_end(self) -> None:
        if self.left:
            raise ScheduleError(
                f"the schedule ends early: chunk {self.left - 1} has not gone backward"
            )
        if self.slots or self.tapes or self.thin:
            held = f"slots {sorted(self.slots)}, tapes {sorted(self.tapes)}, thin tapes {sorted(self.thin)}"
            raise ScheduleError(f"the schedule leaks: {held} are held")

    def result(self, counts: dict[str, int]) -> Simulation:
        return Simulation(
            len(self.lengths),
            self.peaks["slots"],
            self.peaks["tapes"],
            self.steps,
            self.steps - sum(self.lengths),
            counts,
            peak_slots_by_tier={tier: self.peaks[f"{tier} slots"] for tier in TIERS},
            peak_thin_tapes=self.peaks["thin tapes"],
            chunks_rebuilt=counts.get("Rebuild", 0),
            steps_rebuilt=self.rebuilt,
            writes={tier: self.writes[tier] for tier in TIERS},
            reads={tier: self.reads[tier] for tier in TIERS},
        )
