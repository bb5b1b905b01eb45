"""How many times rnnbp's seconds the others take: a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peers_report import BOUND, Row, shape_of

STYLES = {  # colours that the colour-blind can tell apart (Okabe & Ito 2008)
    "torch": ("#D55E00", "o", 6),
    "jax": ("#0072B2", "s", 5.5),
    "naive": ("#009E73", "^", 6.5),
    "interpreter": ("#CC79A7", "D", 5.5),
    BOUND: ("#000000", "|", 13),
}
"""Colour, marker and its size."""


def draw(rows: list[Row], backends: Sequence[str], path: Path, title: str) -> None:
    """A panel for each cell and backend: by shape, how many times our seconds each of the others takes."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    cells = list(dict.fromkeys(row["cell"] for row in rows))
    count = max(sum(row["cell"] == cell for row in rows) for cell in cells)
    size = 2.2 + 2.4 * max(2, len(cells)), len(backends) * (0.8 + 0.4 * count) + 1.2
    figure, panels = plt.subplots(
        len(backends),
        len(cells),
        figsize=size,
        sharex=True,
        sharey="row",
        squeeze=False,
        layout="constrained",
    )
    for backend, line_of_panels in zip(backends, panels, strict=True):
        for cell, axes in zip(cells, line_of_panels, strict=True):
            panel(axes, [row for row in rows if row["cell"] == cell], backend)
            axes.set_title(cell if [*backends] == ["numpy"] else f"{cell}, {backend}", fontsize=10)
        line_of_panels[0].set_ylabel("T, B, inputs, units")
    logarithmic(panels[0, 0])
    marks = {
        mark.get_label(): mark
        for axes in panels.flat
        for mark in axes.get_legend_handles_labels()[0]
    }
    figure.suptitle(title, fontsize=10)
    figure.supxlabel("time of the other / time of rnnbp (above 1: rnnbp is faster)", fontsize=10)
    figure.legend(marks.values(), marks.keys(), loc="outside right center", fontsize=9)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def panel(axes: Any, rows: list[Row], backend: str) -> None:
    """Shapes from top to bottom, ratios on a logarithmic axis; those of one shape a little apart."""
    labels = [shape_of(row) for row in rows]
    axes.axvline(1, color="#777777", linewidth=1)
    for k, (name, (colour, mark, size)) in enumerate(STYLES.items()):
        key, power = (f"{backend}/{BOUND}", -1) if name == BOUND else (f"{name}/{backend}", 1)
        lower = 0 if name == BOUND else 0.16 * (k - 1.5)
        points = [
            (row[key] ** power, at + lower)
            for at, row in enumerate(rows)
            if row.get(key) is not None
        ]
        if points:
            label = "matrix products alone" if name == BOUND else name
            style = {"markersize": size, "markeredgewidth": 2 if name == BOUND else 0}
            axes.plot(*zip(*points, strict=True), mark, color=colour, label=label, **style)
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(alpha=0.3)


def logarithmic(axes: Any) -> None:
    """The axis of ratios, which all panels share, with as many numbers as there is room for."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(
        LogLocator(subs=(1.0,) if high / low > 30 else (1.0, 2.0, 5.0), numticks=12)
    )
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
