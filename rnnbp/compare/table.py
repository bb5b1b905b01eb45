"""The result of a comparison: rows of figures, as CSV, JSON and text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rnnbp.compare.choices import Choice
from rnnbp.compare.measure import Measured
from rnnbp.support.printing import printable
from rnnbp.support.reprs import bytes_text, counted, cut, safe, titled

SLOWEST = 20
"""How many times as long as full caching a schedule may take; one chunk at a time in a single tape
is quadratic.
"""
UNITS = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3))


@dataclass(frozen=True)
class Row:
    """A schedule under a budget, predicted and measured.

    Attributes:
        choice: the schedule, its parameters, its chunk and its forecast.
        share: the budget in percent of the bytes of full caching.
        budget: bytes.
        forecast_ratio: predicted seconds over those of full caching.
        measured: bytes, seconds and gradients of the runs.
    """

    choice: Choice
    share: float
    budget: int
    forecast_ratio: float
    """Forecast seconds over those of full caching."""
    measured: Measured

    @safe
    def __repr__(self) -> str:
        found, choice = self.measured, self.choice
        peaks = f"{bytes_text(found.stats.peak_bytes)} of {bytes_text(self.budget)}"
        seconds = f"{found.seconds:.3g} s, {found.ratio:.2f} times as long as caching everything"
        name = f"{choice.name} {choice.parameters}".strip()
        return cut(f"{type(self).__name__}: {name}, chunks of {choice.chunk:,}, {peaks}, {seconds}")

    def figures(self) -> dict[str, Any]:
        """All figures by name, in bytes and seconds."""
        predicted, found = self.choice.forecast, self.measured
        return {
            "schedule": self.choice.name,
            "parameters": self.choice.parameters,
            "chunk": self.choice.chunk,
            "budget_percent": self.share,
            "budget_bytes": self.budget,
            "forecast_bytes": predicted.peak_bytes,
            "ledger_bytes": found.stats.peak_bytes,
            "tracemalloc_bytes": found.traced_bytes,
            "forecast_steps_rerun": predicted.steps_rerun,
            "steps_rerun": found.stats.steps_rerun,
            "forecast_steps_rebuilt": predicted.steps_rebuilt,
            "steps_rebuilt": found.stats.steps_rebuilt,
            "forecast_seconds": predicted.seconds,
            "seconds": found.seconds,
            "forecast_ratio": self.forecast_ratio,
            "ratio": found.ratio,
            "same_bits": found.same_bits,
            "relative_error": found.relative_error,
        }


@dataclass(frozen=True)
class LeftOut:
    """A schedule that fits a budget with no parameters that take less than ``SLOWEST`` times as
    long as full caching.

    Attributes:
        schedule: its name.
        share: the budget in percent of the bytes of full caching.
        budget: bytes.
    """

    schedule: str
    share: float
    budget: int


@dataclass(frozen=True)
class Comparison:
    """All rows, by budget and schedule, and the model that they were measured on.

    Attributes:
        about: model, sizes and versions, for readers.
        steps: T.
        reference: full caching, the base of the ratios.
        rows: in order of budget and schedule.
        left_out: the schedules without a row.
    """

    about: Mapping[str, Any]
    steps: int
    reference: Row
    rows: tuple[Row, ...]
    left_out: tuple[LeftOut, ...]

    def to_csv(self) -> str:
        """A line for each row under a header."""
        text = io.StringIO()
        writer = csv.DictWriter(text, list(self.reference.figures()), lineterminator="\n")
        writer.writeheader()
        writer.writerows(row.figures() for row in self.rows)
        return text.getvalue()

    def to_json(self) -> str:
        """All of it, as JSON."""
        left_out = [
            {"schedule": out.schedule, "budget_percent": out.share, "budget_bytes": out.budget}
            for out in self.left_out
        ]
        whole = {
            "about": dict(self.about),
            "full_caching": self.reference.figures(),
            "rows": [row.figures() for row in self.rows],
            "left_out": left_out,
        }
        return json.dumps(whole, indent=2, allow_nan=False, ensure_ascii=False) + "\n"

    @safe
    def __repr__(self) -> str:
        names = dict.fromkeys(row.choice.name for row in self.rows)
        peak, seconds = self.reference.measured.stats.peak_bytes, self.reference.measured.seconds
        return titled(
            self,
            f"{counted(len(self.rows), 'row')}, {len(self.left_out):,} left out; print(comparison) "
            "shows them",
            schedules=", ".join(names),
            full_caching=f"{bytes_text(peak)}, {seconds:.3g} s, {self.steps:,} steps",
        )

    @printable
    def __str__(self) -> str:
        """The rows in columns, then what was left out, then what the columns mean."""
        cells = [HEADER, *(row_cells(row) for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "  ".join(
                text.ljust(width) if k in LEFT else text.rjust(width)
                for k, (text, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in cells
        ]
        return "\n".join([*lines, *left_out_lines(self.left_out), "", *self._legend()])

    def _legend(self) -> list[str]:
        """What the columns are, in which units."""
        cached = self.reference.measured
        return [
            f"budget: of arrays, in percent of the {shown(cached.stats.peak_bytes)} that full "
            f"caching holds; Python's objects come on top, for which a budget of plan leaves room.",
            "bytes: the most that arrays took at once; traced: the same with Python's objects, by "
            "tracemalloc.",
            "rerun, rebuilt: steps. forecast, time: times as long as full caching, which took "
            f"{cached.seconds:.3g} s.",
        ]


HEADER = (
    *("budget", "schedule", "parameters", "chunk", "bytes", "traced"),
    *("rerun", "rebuilt", "forecast", "time", "gradients"),
)
LEFT = (1, 2, 10)
"""Of those, the columns of words."""


def row_cells(row: Row) -> tuple[str, ...]:
    """A row as text, one for each of ``HEADER``; forecast and time are ratios to full caching."""
    found = row.measured
    return (
        f"{row.share:g} %",
        row.choice.name,
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


def left_out_lines(left_out: tuple[LeftOut, ...]) -> list[str]:
    """What does not fit or is too slow, a line for each budget."""
    names: dict[tuple[float, int], list[str]] = {}
    for out in left_out:
        names.setdefault((out.share, out.budget), []).append(out.schedule)
    why = f"they need more, or over {SLOWEST} times as long as full caching"
    return [
        f"left out of {share:g} % ({shown(n)} of arrays): {', '.join(names[share, n])}; {why}"
        for share, n in names
    ]


def shown(n: float) -> str:
    """Bytes with a unit of 1000s: 1234567 is 1.23 MB."""
    for unit, size in UNITS:
        if n >= size:
            return f"{n / size:.3g} {unit}"
    return f"{n:.3g} B"
