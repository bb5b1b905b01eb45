"""Bytes against time: a point for each schedule under each budget."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

from rnnbp.compare.draw import markers, png
from rnnbp.compare.row_texts import shown
from rnnbp.compare.rows import Row
from rnnbp.compare.table import Comparison
from rnnbp.schedules.declared import GREY

RATIOS = (
    *(0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3, 1.5, 1.75),
    *(2, 2.5, 3, 4, 5, 7, 10, 15, 20, 30, 50, 100),
)
"""Where ticks may stand on the axis of time."""


def frontier(comparison: Comparison) -> bytes:
    """Bytes against time, a ratio to full caching: forecast hollow, measured filled."""
    figure = Figure(figsize=(10, 6.2), layout="constrained")
    axes = figure.subplots()
    rows = [comparison.reference, *comparison.rows]
    best = best_measured(rows)
    axes.step(*zip(*best, strict=True), where="post", color=GREY, lw=5, alpha=0.3, zorder=1)
    for name in dict.fromkeys(row.choice.name for row in rows):
        _points(axes, name, [row for row in rows if row.choice.name == name])
    _frontier_axes(axes, rows)
    figure.suptitle("Recompute against cache: time for memory", fontsize=14)
    figure.legend(handles=_frontier_legend(rows), loc="outside right upper", frameon=False)
    return png(figure)


def _points(axes: Axes, name: str, rows: list[Row]) -> None:
    marker, colour = markers()[name]
    size = 13 if name == "plan" else 8
    found = sorted(
        {(r.choice.forecast.peak_bytes, r.forecast_ratio, r.measured.ratio) for r in rows}
    )
    for n, predicted, ratio in found:
        axes.plot([n, n], [predicted, ratio], color=colour, lw=0.8, alpha=0.6, zorder=2)
    sizes = [n for n, _, _ in found]
    points = partial(axes.plot, sizes, marker=marker, ls="", ms=size, mec=colour)
    points([y for _, y, _ in found], mfc="none", zorder=3)
    points([y for _, _, y in found], mfc=colour, alpha=0.85, zorder=4)


def _frontier_axes(axes: Axes, rows: list[Row]) -> None:
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
