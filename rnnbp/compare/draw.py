"""The pictures of a comparison as PNG files, by Matplotlib."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable
from typing import Any

from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

from rnnbp.compare.choices import PLAN, Key
from rnnbp.compare.table import Comparison, Row, shown
from rnnbp.compare.timeline import timeline
from rnnbp.schedules.declared import BLUE, GREEN, GREY, PURPLE, RED, SKY, Marker
from rnnbp.schedules.registry import KINDS

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
RATIOS = (
    0.3,
    0.4,
    0.5,
    0.6,
    0.7,
    0.8,
    0.9,
    1,
    1.1,
    1.2,
    1.3,
    1.5,
    1.75,
    2,
    2.5,
    3,
    4,
    5,
    7,
    10,
    15,
    20,
    30,
    50,
    100,
)
COLUMNS = 3


def markers() -> dict[str, Marker]:
    """How each kind of schedule is drawn, by name, in the order of legends."""
    return {label: kind.marker for label, kind in KINDS.items()} | {PLAN: Marker("*", "black")}


def frontier(comparison: Comparison) -> bytes:
    """Bytes against time, a ratio to full caching: forecast hollow, measured filled."""
    figure = Figure(figsize=(10, 6.2), layout="constrained")
    axes = figure.subplots()
    rows = [comparison.reference, *comparison.rows]
    best = best_measured(rows)
    axes.step(
        [n for n, _ in best],
        [ratio for _, ratio in best],
        where="post",
        color=GREY,
        lw=5,
        alpha=0.3,
        zorder=1,
    )
    for name in dict.fromkeys(row.choice.name for row in rows):
        _points(axes, name, [row for row in rows if row.choice.name == name])
    _frontier_axes(axes, rows)
    figure.suptitle("Recompute against cache: time for memory", fontsize=14)
    figure.legend(handles=_frontier_legend(rows), loc="outside right upper", frameon=False)
    return _png(figure)


def _points(axes: Any, name: str, rows: list[Row]) -> None:
    marker, colour = markers()[name]
    size = 13 if name == "plan" else 8
    found = sorted(
        {(r.choice.forecast.peak_bytes, r.forecast_ratio, r.measured.ratio) for r in rows}
    )
    given: dict[str, Any] = {"marker": marker, "ls": "", "ms": size, "mec": colour}
    for n, predicted, ratio in found:
        axes.plot([n, n], [predicted, ratio], color=colour, lw=0.8, alpha=0.6, zorder=2)
    axes.plot([n for n, _, _ in found], [y for _, y, _ in found], mfc="none", zorder=3, **given)
    axes.plot(
        [n for n, _, _ in found],
        [y for _, _, y in found],
        mfc=colour,
        alpha=0.85,
        zorder=4,
        **given,
    )


def _frontier_axes(axes: Any, rows: list[Row]) -> None:
    ratios = [y for row in rows for y in (row.forecast_ratio, row.measured.ratio)]
    sizes = [row.choice.forecast.peak_bytes for row in rows]
    low, high = min(*ratios, 0.95) / 1.07, max(*ratios, 1.1) * 1.07
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(min(sizes) / 1.3, max(sizes) * 1.3)
    axes.set_ylim(low, high)
    axes.set_xlabel("most bytes held at once, log scale")
    axes.set_ylabel("time, ratio to full caching, log scale")
    axes.xaxis.set_major_locator(FixedLocator(byte_ticks(min(sizes) / 1.3, max(sizes) * 1.3)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda n, _: shown(n)))
    axes.yaxis.set_major_locator(FixedLocator(_spaced(RATIOS, high / low)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_formatter(NullFormatter())
    axes.grid(color="#dddddd", lw=0.7)
    axes.set_axisbelow(True)


def byte_ticks(low: float, high: float) -> list[float]:
    """Round numbers from low to high; the wider the span, the fewer in a power of ten."""
    spread = high / low
    fine, middle, coarse = (
        (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 4, 5, 6, 7, 8, 9),
        (1, 1.5, 2, 3, 5, 7),
        (1, 2, 5),
    )
    mantissas = fine if spread < 4 else middle if spread < 40 else coarse if spread < 1000 else (1,)
    ticks = [mantissa * 10.0**power for power in range(16) for mantissa in mantissas]
    return [t for t in ticks if low <= t <= high]


def _spaced(ticks: Iterable[float], spread: float) -> list[float]:
    """Those with room for their labels on a log axis that spans a factor of ``spread``."""
    kept: list[float] = [1]
    for tick in sorted(ticks, key=lambda t: abs(t - 1)):
        if all(max(tick / k, k / tick) >= spread**0.045 for k in kept):
            kept.append(tick)
    return kept


def best_measured(rows: list[Row]) -> list[tuple[int, float]]:
    """(bytes, ratio) of the measured runs that no other beats in both."""
    found: list[tuple[int, float]] = []
    for n, ratio in sorted((row.measured.stats.peak_bytes, row.measured.ratio) for row in rows):
        if not found or ratio < found[-1][1]:
            found.append((n, ratio))
    return found


def _frontier_legend(rows: list[Row]) -> list[Line2D]:
    names = {row.choice.name for row in rows}
    marks = [
        Line2D([], [], marker=shape, color=colour, ls="", ms=8, label=name)
        for name, (shape, colour) in markers().items()
        if name in names
    ]
    return [
        *marks,
        Line2D(
            [], [], marker="o", color="black", ls="", mfc="none", ms=8, label="hollow: forecast"
        ),
        Line2D([], [], marker="o", color="black", ls="", ms=8, label="filled: measured"),
        Line2D([], [], color=GREY, lw=5, alpha=0.3, label="best measured"),
    ]


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
    return _png(figure)


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


def _panel(axes: Any, rows: list[Row], steps: int) -> set[str]:
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


def _legend(kinds: set[str]) -> list[Any]:
    runs = [
        Line2D([], [], color=c, lw=w, ls=s, label=name)
        for kind, (name, c, w, s) in RUNS.items()
        if kind in kinds
    ]
    held: list[Any] = []
    for kind, (name, colour, strength, style) in HELD.items():
        if kind in kinds and style:
            held.append(Line2D([], [], color=colour, lw=strength, ls=style, label=name))
        elif kind in kinds:
            held.append(
                Patch(fc=to_rgba(colour, strength), ec=to_rgba(colour, 0.5), lw=0.5, label=name)
            )
    return runs + held


def _png(figure: Figure) -> bytes:
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=130)
    return data.getvalue()
