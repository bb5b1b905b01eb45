"""A picture of a sweep: the figure that is sorted by against each option that differs."""

from __future__ import annotations

import io
import math
import statistics
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from rnnbp.storage import JSON
from rnnbp.trials.outcome import TIME
from rnnbp.trials.results import SEED, Results, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST, COLUMNS = 12, 3
"""Options that have a panel, and panels side by side."""
ROOM, WIDEST = 0.15, 30
"""The part of an axis that the label of a value needs, and letters that stand side by side."""
SPAN = 20
"""Numbers whose largest is this many times the smallest are drawn on a log axis."""
COLOUR, MEAN = "#1f77b4", "#444444"


def picture(results: Results) -> bytes:
    """A PNG: a panel for each option, a point for each run, a line through their means."""
    from matplotlib.figure import Figure

    names = [name for name in results.varied if name != SEED] or results.varied or ["run"]
    names = names[:MOST]
    columns = min(COLUMNS, len(names))
    rows = math.ceil(len(names) / columns)
    figure = Figure(figsize=(1.2 + 3.8 * columns, 0.9 + 3.4 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for axes, name in zip(panels, names, strict=False):
        _panel(axes, name, results)
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    for axes in panels[: len(names) : columns]:
        axes.set_ylabel(results.metric.replace("_", " "))
    figure.suptitle(_title(results), fontsize=11)
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=130)
    return data.getvalue()


def _title(results: Results) -> str:
    count, failed = len(results.measured), len(results.failed)
    parts = [f"{count} of {len(results.rows)} runs", *([f"{failed} failed"] if failed else [])]
    best = max if results.downwards else min
    values = [results.value(row) for row in results.measured]
    return ", ".join(
        [
            *parts,
            f"the best {results.metric.replace('_', ' ')} is {best(values):.4g}; lines are means",
        ]
    )


def _panel(axes: Axes, name: str, results: Results) -> None:
    rows = results.measured
    values = [_value(row, name) for row in rows]
    places, labels = _places(values)
    heights = [results.value(row) for row in rows]
    axes.plot(places, heights, "o", color=COLOUR, ms=6, alpha=0.55, mec="none")
    shortened = [k for k, row in enumerate(rows) if row.outcome.state == TIME]
    axes.plot(
        [places[k] for k in shortened], [heights[k] for k in shortened], "o", mfc="none", mec=COLOUR
    )
    _means(axes, places, heights)
    _axis(axes, places, labels)
    axes.set_xlabel(name)
    axes.grid(color="#dddddd", lw=0.7)
    axes.set_axisbelow(True)


def _axis(axes: Axes, places: list[float], labels: list[str]) -> None:
    """A log axis where values are far apart; a tick at each value, if there is room."""
    from matplotlib.ticker import NullFormatter

    ticks, log = sorted(set(places)), False
    if labels:
        axes.set_xlim(-0.5, len(labels) - 0.5)
    elif ticks[0] > 0 and ticks[-1] >= SPAN * ticks[0]:
        log = True
        axes.set_xscale("log")
    if labels or _spaced([math.log(tick) if log else tick for tick in ticks]):
        names = labels or [f"{tick:g}" for tick in ticks]
        turned = sum(map(len, names)) > WIDEST
        axes.set_xticks(ticks, names, rotation=30 * turned, ha="right" if turned else "center")
        axes.xaxis.set_minor_formatter(NullFormatter())


def _spaced(ticks: list[float]) -> bool:
    """True if the labels of ticks have room on an axis from the first to the last."""
    gaps = [after - before for before, after in pairwise(ticks)]
    return not gaps or min(gaps) >= ROOM * (ticks[-1] - ticks[0])


def _means(axes: Axes, places: Sequence[float], heights: Sequence[float]) -> None:
    """A line through the means, where a few places have several runs each."""
    found: dict[float, list[float]] = {}
    for place, height in zip(places, heights, strict=True):
        found.setdefault(place, []).append(height)
    if 2 * len(found) <= len(places):
        means = [(place, statistics.fmean(each)) for place, each in sorted(found.items())]
        axes.plot(*zip(*means, strict=True), "_-", color=MEAN, lw=1, ms=14, mew=2)


def _value(row: Row, name: str) -> JSON:
    return row.name if name == "run" else row.options.get(name)


def _places(values: list[JSON]) -> tuple[list[float], list[str]]:
    """Where values are on the axis; with labels, unless all of them are numbers."""
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) == len(values):
        return [float(v) for v in numbers], []
    names = [str(value) for value in values]
    labels = sorted(set(names))
    return [float(labels.index(name)) for name in names], [label[:24] for label in labels]
