"""The rows of a comparison as text, in the columns of its table."""

from __future__ import annotations

from collections.abc import Sequence

from rnnbp.compare.choices import Key, Why
from rnnbp.compare.rows import SLOWEST, LeftOut, Row

UNITS = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3))

HEADER = (
    *("budget", "schedule", "parameters", "chunk", "bytes", "traced"),
    *("rerun", "rebuilt", "forecast", "time", "gradients"),
)

LEFT = (1, 2, 10)
"""Of those, the columns of words."""

SAME = "the same run as"


def row_cells(row: Row, same_as: str = "") -> tuple[str, ...]:
    """A row as text, one for each of ``HEADER``; forecast and time are ratios to full caching.

    ``same_as``: the schedule above it that comes to the same run, or "".
    """
    found = row.measured
    return (
        f"{row.share:g} %",
        f"{row.choice.name}, {SAME} {same_as}" if same_as else row.choice.name,
        row.choice.parameters,
        f"{row.choice.chunk}",
        shown(found.stats.peak_bytes),
        shown(found.traced_bytes),
        f"{found.stats.steps_rerun:,}",
        f"{found.stats.steps_rebuilt:,}",
        f"{row.forecast_ratio:.2f}",
        f"{found.ratio:.2f}",
        "same bits" if found.same_bits else f"within {found.error_at_chunk:.0e}",
    )


def same_runs(rows: Sequence[Row]) -> list[str]:
    """For each row, the first schedule of its budget with the same run; "" if that is its own."""
    first: dict[tuple[float, Key], str] = {}
    names = [first.setdefault((row.share, row.choice.key), row.choice.name) for row in rows]
    return ["" if name == row.choice.name else name for name, row in zip(names, rows, strict=True)]


def left_out_lines(left_out: tuple[LeftOut, ...]) -> list[str]:
    """What does not fit, and what is too slow, a line of each for each budget."""
    names: dict[tuple[float, int, Why], list[str]] = {}
    for out in left_out:
        names.setdefault((out.share, out.budget, out.why), []).append(out.schedule)
    return [
        f"left out of {share:g} % ({shown(n)} of arrays): {', '.join(them)}; {_reason(why, them)}"
        for (share, n, why), them in names.items()
    ]


def rounding_lines(rows: Sequence[Row]) -> list[str]:
    """What is not exact, and in which rows, a line for each way of rounding."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if what := row.measured.rounding:
            found.setdefault(what, []).append(row.choice.name)
    every = "all rows, the base too"
    return [
        f"rounding in {every if len(names) == len(rows) else ', '.join(dict.fromkeys(names))}: "
        f"{what}; gradients are not those of exact runs"
        for what, names in found.items()
    ]


def _reason(why: Why, names: Sequence[str]) -> str:
    """Why schedules are left out."""
    if why == "bytes":
        return "it needs more" if len(names) == 1 else "they need more"
    one = "it takes" if len(names) == 1 else "they take"
    return f"{one} over {SLOWEST} times as long as full caching"


def shown(n: float) -> str:
    """Bytes with a unit of 1000s: 1234567 is 1.23 MB."""
    for unit, size in UNITS:
        if n >= size:
            return f"{n / size:.3g} {unit}"
    return f"{n:.3g} B"
