"""From the seconds of each round: rows, tables, geometric means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import geometric_mean, median
from typing import Any

from peers_problem import CUSTOM
from processes import table

BOUND, PEAK = "bound", "peak"
BOUNDS = BOUND, PEAK
SIZES = ("steps", "batch", "inputs", "units")
WIDE = 8
"""Batches from this on are also summed up alone; in smaller ones the time between products decides."""

Row = dict[str, Any]


def ratios(backends: Sequence[str], against: Sequence[str]) -> list[tuple[str, str]]:
    """Whose time over whose: each peer over each backend, then all over the bounds."""
    peers = [name for name in against if name not in BOUNDS]
    over = [(peer, backend) for backend in backends for peer in peers if peer != backend]
    given = [bound for bound in BOUNDS if bound in against]
    return over + [(name, bound) for bound in given for name in dict.fromkeys([*backends, *peers])]


def row_of(
    rounds: list[dict[str, float]], names: Iterable[str], pairs: list[tuple[str, str]]
) -> Row:
    """Medians over rounds of seconds, and of ratios within rounds; None for what this cell does not have."""
    row: Row = {
        f"{name}_seconds": median(r[name] for r in rounds) if name in rounds[0] else None
        for name in names
    }
    for a, b in pairs:
        row[f"{a}/{b}"] = (
            median(r[a] / r[b] for r in rounds) if {a, b} <= rounds[0].keys() else None
        )
    return row


def shape_of(row: Row) -> str:
    return ", ".join(str(row[key]) for key in SIZES)


def figures(row: Row) -> dict[str, str]:
    """Milliseconds and ratios of a row, as far as its cell has them, under their heads."""
    had = {key: value for key, value in row.items() if value is not None}
    times = {
        key.replace("_seconds", " ms"): f"{1e3 * had[key]:.2f}"
        for key in had
        if key.endswith("_seconds")
    }
    return times | {key: f"{had[key]:.2f}" for key in had if "/" in key}


def line(row: Row) -> str:
    """A row as it is printed at once."""
    return f"{row['cell']} ({shape_of(row)}): {', '.join(f'{head} {value}' for head, value in figures(row).items())}"


def tables(rows: list[Row]) -> str:
    """A table for each cell."""
    texts = []
    for cell in dict.fromkeys(row["cell"] for row in rows):
        own = [row for row in rows if row["cell"] == cell]
        cut = [[shape_of(row), *figures(row).values()] for row in own]
        texts.append(f"{cell}\n{table(['T, B, inputs, units', *figures(own[0])], cut)}")
    return "\n\n".join(texts)


def summed_up(rows: list[Row]) -> list[Row]:
    """Geometric mean and least of each ratio, over all shapes and wide batches; custom cells also together."""
    cells = list(dict.fromkeys(row["cell"] for row in rows))
    found = []
    for group in [*((cell,) for cell in cells), *([CUSTOM] if set(CUSTOM) <= set(cells) else [])]:
        for key in (key for key in rows[0] if "/" in key):
            own = [row for row in rows if row["cell"] in group and row[key] is not None]
            if own:
                wide = [row for row in own if row["batch"] >= WIDE]
                means = {**means_of(own, key, ""), **means_of(wide, key, "wide_")}
                found.append({"cells": " and ".join(group), "ratio": key, **means})
    return found


def means_of(rows: list[Row], key: str, prefix: str) -> Row:
    values = [row[key] for row in rows]
    mean, least = (geometric_mean(values), min(values)) if values else (None, None)
    return {
        f"{prefix}shapes": len(values),
        f"{prefix}geometric_mean": mean,
        f"{prefix}least": least,
    }


def summary(found: list[Row]) -> str:
    heads = [
        "",
        "ratio of seconds",
        "shapes",
        "geometric mean",
        "least",
        f"B >= {WIDE}",
        "geometric mean",
        "least",
    ]
    numbers = list(means_of([], "", "")) + list(means_of([], "", "wide_"))
    cut = [[row["cells"], row["ratio"], *(amount(row[key]) for key in numbers)] for row in found]
    return table(heads, cut)


def amount(value: float | None) -> str:
    return "-" if value is None else str(value) if isinstance(value, int) else f"{value:.3f}"
