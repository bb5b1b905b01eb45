"""Each schedule as lines and boxes: what is run when, and held until when."""

from __future__ import annotations

import textwrap

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from rnnbp.compare.choices import Key
from rnnbp.compare.draw import markers, png
from rnnbp.compare.row_texts import shown
from rnnbp.compare.rows import Row
from rnnbp.compare.table import Comparison
from rnnbp.schedules.declared import BLUE, GREEN, PURPLE, RED, SKY
from rnnbp.schedules.timeline import timeline

RUNS = {
    "advance": ("run, state kept", BLUE, 1.2, "-"),
    "record": ("run, tape kept", GREEN, 2.2, "-"),
    "keep": ("run, thin tape kept", SKY, 2.2, "-"),
    "rebuild": ("tape rebuilt", PURPLE, 2.2, ":"),
    "backward": ("backward", RED, 2.2, "-"),
}

HELD = {
    "checkpoint": ("checkpoint held", "black", 0.9, "-"),
    "disk": ("checkpoint on disk", "black", 0.9, ":"),
    "tape": ("tape held", GREEN, 0.18, ""),
    "thin tape": ("thin tape held", SKY, 0.3, ""),
}

COLUMNS = 3


def schedules(comparison: Comparison) -> bytes:
    """Each schedule as the step that the state is at, over the steps run so far."""
    groups = drawn_rows(comparison)
    lines, columns = -(-len(groups) // COLUMNS), min(COLUMNS, len(groups))
    figure = Figure(figsize=(max(4.2 * columns, 6.5), 2.9 * lines + 1.3), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False, sharey=True).flatten()
    kinds: set[str] = set()
    for axes, rows in zip(panels, groups, strict=False):
        kinds |= _panel(axes, rows, comparison.steps)
    for axes in panels[len(groups) :]:
        axes.set_axis_off()
    figure.supxlabel("steps run so far, forward and back", fontsize=11)
    figure.supylabel("step of the sequence", fontsize=11)
    figure.legend(handles=_legend(kinds), loc="outside upper center", ncols=4, frameon=False)
    return png(figure)


def drawn_rows(comparison: Comparison) -> list[list[Row]]:
    """A row for each schedule, those of the same actions together.

    It is of the least budget in which at least half of the schedules fit, or of the next in which
    this one does.
    """
    rows = comparison.rows
    names = {row.choice.name for row in rows}
    shares = [row.share for row in rows]
    tight = min(share for share in shares if 2 * shares.count(share) >= len(names))
    found: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: (row.share < tight, abs(row.share - tight))):
        found.setdefault(row.choice.name, row)
    groups: dict[Key, list[Row]] = {}
    for name in markers():
        if name in found:
            groups.setdefault(found[name].choice.key, []).append(found[name])
    return list(groups.values())


def _panel(axes: Axes, rows: list[Row], steps: int) -> set[str]:
    """Draw a schedule; returns the kinds of what is drawn."""
    choice = rows[0].choice
    found = timeline(choice.actions, steps, choice.chunk)
    for held in found.held:
        _, colour, strength, style = HELD[held.kind]
        if held.high > held.low:
            box = (held.begin, held.low), held.end - held.begin, held.high - held.low
            axes.add_patch(
                Rectangle(*box, fc=to_rgba(colour, strength), ec=to_rgba(colour, 0.5), lw=0.5)
            )
        else:
            axes.plot(
                [held.begin, held.end], [held.low, held.low], color=colour, lw=strength, ls=style
            )
    for kind, (_, colour, width, style) in RUNS.items():
        ways = [
            [(line.begin, line.high), (line.end, line.low)]
            if kind == "backward"
            else [(line.begin, line.low), (line.end, line.high)]
            for line in found.lines
            if line.kind == kind
        ]
        axes.add_collection(LineCollection(ways, colors=colour, linewidths=width, linestyles=style))
    axes.set_xlim(-0.015 * found.length, 1.015 * found.length)
    axes.set_ylim(-0.025 * steps, 1.025 * steps)
    axes.set_title(_title(rows), fontsize=9.5)
    axes.tick_params(labelsize=8)
    return {line.kind for line in found.lines} | {held.kind for held in found.held}


def _title(rows: list[Row]) -> str:
    first = rows[0]
    names = " = ".join(row.choice.name for row in rows)
    if len(rows) == 1 and first.choice.parameters:
        names += f": {first.choice.parameters}"
    taken = f"{shown(first.measured.stats.peak_bytes)}, time × {first.measured.ratio:.2f}"
    return "\n".join([*textwrap.wrap(names, 46), f"chunks of {first.choice.chunk}; {taken}"])


def _legend(kinds: set[str]) -> list[Artist]:
    runs = [
        Line2D([], [], color=c, lw=w, ls=s, label=name)
        for kind, (name, c, w, s) in RUNS.items()
        if kind in kinds
    ]
    held: list[Artist] = []
    for kind, (name, colour, strength, style) in HELD.items():
        if kind in kinds and style:
            held.append(Line2D([], [], color=colour, lw=strength, ls=style, label=name))
        elif kind in kinds:
            held.append(
                Patch(fc=to_rgba(colour, strength), ec=to_rgba(colour, 0.5), lw=0.5, label=name)
            )
    return runs + held
