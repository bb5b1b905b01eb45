"""Pictures of plans: which chunk is run when; and for many chunks, seconds over bytes."""

from __future__ import annotations

from collections.abc import Sequence

from rnnbp.planning.search import Candidate
from rnnbp.schedules.declared import BLUE, GREEN, GREY, PURPLE, RED, SKY
from rnnbp.schedules.sized import SizedSchedule
from rnnbp.schedules.timeline import Timeline, timeline
from rnnbp.support import svg

HEIGHT, CHUNKS = 220, 150
"""Pixels, and the most chunks that are drawn one by one."""
WIDE = 30.0
"""The most seconds over the least from which their axis is one of logarithms."""
LINES = {
    "advance": ("run", BLUE),
    "record": ("run, tape kept", GREEN),
    "keep": ("thin tape kept", SKY),
    "rebuild": ("rebuilt", PURPLE),
    "backward": ("backward", RED),
}
HELD = {"tape": (GREEN, 0.18), "thin tape": (SKY, 0.3)}


def schedule_picture(schedule: SizedSchedule, steps: int, chunk: int) -> str:
    """The step that the state is at over the steps run so far, and what is held meanwhile.

    A box is a tape held, a horizontal line a checkpoint, dotted on disk. "" for many chunks.
    """
    if -(-steps // chunk) > CHUNKS:
        return ""
    drawn = timeline(schedule, steps, chunk)
    x, y = svg.horizontal(0, drawn.length), svg.vertical(0, steps, HEIGHT)
    kinds = {line.kind for line in drawn.lines}
    marks = [svg.Mark(name, colour) for kind, (name, colour) in LINES.items() if kind in kinds]
    marks += [svg.Mark("checkpoint", GREY)] * any("tape" not in each.kind for each in drawn.held)
    words = "steps run so far, forward and back", "step of the sequence"
    return svg.picture(x, y, words, marks, [*_held(drawn, x, y), *_lines(drawn, x, y)])


def _held(drawn: Timeline, x: svg.Axis, y: svg.Axis) -> list[str]:
    found = []
    for each in drawn.held:
        begin, end, low, high = x.at(each.begin), x.at(each.end), y.at(each.low), y.at(each.high)
        if each.kind in HELD:
            found.append(svg.box((begin, end), (low, high), *HELD[each.kind]))
        else:
            dashes = "2 2" if each.kind == "disk" else ""
            found.append(svg.line([(begin, low), (end, low)], GREY, 1, dashes))
    return found


def _lines(drawn: Timeline, x: svg.Axis, y: svg.Axis) -> list[str]:
    found = []
    for each in drawn.lines:
        ends = (each.high, each.low) if each.kind == "backward" else (each.low, each.high)
        points = [(x.at(each.begin), y.at(ends[0])), (x.at(each.end), y.at(ends[1]))]
        found.append(svg.line(points, LINES[each.kind][1], 2))
    return found


def frontier_picture(frontier: Sequence[Candidate], chosen: Candidate, budget: int) -> str:
    """Seconds of the fastest schedules over their bytes, the chosen one marked; "" of one alone.

    The dashed line is the budget.
    """
    if len(frontier) < 2:
        return ""
    every = [*frontier, chosen]
    bytes_ = [each.bytes / 1e6 for each in every]
    seconds = [each.seconds for each in every]
    x = svg.horizontal(0, max(*bytes_, budget / 1e6 if budget <= 2e6 * max(bytes_) else 0))
    wide = 0 < WIDE * min(seconds) < max(seconds)
    y = svg.vertical(min(seconds) if wide else 0, max(seconds), HEIGHT, log=wide)
    points = [(x.at(each.bytes / 1e6), y.at(each.seconds)) for each in frontier]
    parts = [svg.line(points, BLUE, 1)]
    parts += [
        svg.dot(*point, BLUE, f"{each.name}, chunks of {each.chunk:,}: {each.seconds:.3g} s")
        for point, each in zip(points, frontier, strict=True)
    ]
    parts.append(svg.dot(x.at(chosen.bytes / 1e6), y.at(chosen.seconds), RED, "the plan"))
    marks = [svg.Mark("fastest for other budgets", BLUE), svg.Mark("the plan", RED)]
    if budget / 1e6 <= x.high:
        at = x.at(budget / 1e6)
        parts.append(svg.line([(at, y.begin), (at, y.end)], GREY, 1, "4 3"))
        marks.append(svg.Mark("budget", GREY))
    return svg.picture(x, y, ("MB", "seconds"), marks, parts)
