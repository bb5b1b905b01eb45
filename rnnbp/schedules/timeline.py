"""A schedule as numbers of a drawing: which chunk is run when, and what is held meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from rnnbp.actions import Action, Advance, Backward, Drop, Keep, Rebuild, Record, Store
from rnnbp.support.reprs import counted, safe


@dataclass(frozen=True)
class Line:
    """Steps run in a row, from the state after step ``low`` to that after ``high``.

    begin, end count all steps run so far, forward or back. A line of kind "backward" goes from high
    to low. kind: "advance", "record", "keep", "rebuild" or "backward", by the actions.
    """

    kind: str
    begin: int
    end: int
    low: int
    high: int


@dataclass(frozen=True)
class Held:
    """What is held from ``begin`` to ``end``: steps ``low`` to ``high``, of a checkpoint the same.

    kind: "checkpoint", "disk", "tape" or "thin tape".
    """

    kind: str
    begin: int
    end: int
    low: int
    high: int


@dataclass(frozen=True)
class Timeline:
    """The drawing of a schedule.

    Attributes:
        lines: what is run, in order.
        held: tapes and checkpoints, from when to when.
        length: steps run in all, forward and back.
    """

    lines: tuple[Line, ...]
    held: tuple[Held, ...]
    length: int

    @safe
    def __repr__(self) -> str:
        lines, held = counted(len(self.lines), "line"), f"{len(self.held):,} things held"
        return f"{type(self).__name__}: {lines}, {held}, {counted(self.length, 'step')} run in all"


def timeline(schedule: Iterable[Action], steps: int, chunk: int = 1) -> Timeline:
    """The drawing of a legal schedule; ``simulate`` checks legality.

    Args:
        schedule: actions.
        steps: T.
        chunk: steps in a chunk.

    Returns:
        A ``Timeline``.

    >>> import rnnbp as rb
    >>> rb.compare.timeline(rb.schedules.Revolve(4, 2), steps=4)
    Timeline: 10 lines, 6 things held, 12 steps run in all
    """
    drawing = _Drawing(steps, chunk)
    for action in schedule:
        drawing.do(action)
    return Timeline(tuple(drawing.lines), tuple(drawing.held), drawing.now)


class _Drawing:
    def __init__(self, steps: int, chunk: int) -> None:
        self.steps, self.chunk, self.now = steps, chunk, 0
        self.lines: list[Line] = []
        self.held: list[Held] = []
        self.since: dict[tuple[str, int], int] = {}
        self.tiers: dict[int, str] = {}

    def do(self, action: Action) -> None:
        n = action.n
        match action:
            case Advance():
                self.run("advance", n)
            case Record():
                self.run("record", n)
                self.since["tape", n] = self.now
            case Keep():
                self.run("keep", n)
                self.since["thin tape", n] = self.now
            case Rebuild():
                self.run("rebuild", n)
                self.end("thin tape", n)
                self.since["tape", n] = self.now
            case Backward():
                self.run("backward", n)
                self.end("tape", n)
            case Store(_, tier):
                self.tiers[n] = "checkpoint" if tier == "ram" else "disk"
                self.since[self.tiers[n], n] = self.now
            case Drop():
                self.end(self.tiers.pop(n), n)

    def run(self, kind: str, n: int) -> None:
        """Draw chunk n, in one line with the chunk before it if that was run in the same way."""
        low, high = self.span(n)
        begin, self.now = self.now, self.now + high - low
        last = self.lines[-1] if self.lines else None
        if last and last.kind == kind and kind == "backward" and last.low == high:
            self.lines[-1] = replace(last, end=self.now, low=low)
        elif last and last.kind == kind and kind != "backward" and last.high == low:
            self.lines[-1] = replace(last, end=self.now, high=high)
        else:
            self.lines.append(Line(kind, begin, self.now, low, high))

    def end(self, kind: str, n: int) -> None:
        low, high = self.span(n)
        high = high if "tape" in kind else low
        self.held.append(Held(kind, self.since.pop((kind, n)), self.now, low, high))

    def span(self, n: int) -> tuple[int, int]:
        return n * self.chunk, min((n + 1) * self.chunk, self.steps)
