"""The runs of a sweep with what they have left, best first, and means over seeds."""

from __future__ import annotations

import csv
import io
import math
import statistics
from dataclasses import dataclass

from rnnbp.storage import JSON
from rnnbp.support.nearest import hint
from rnnbp.trials.errors import ConfigError
from rnnbp.trials.outcome import FAILED, FINISHED, TIME, Outcome
from rnnbp.trials.space import Trial

SEED = "seed"


@dataclass(frozen=True)
class Row:
    """A run: the name of its folder, its options, and its outcome."""

    name: str
    options: Trial
    outcome: Outcome


@dataclass(frozen=True)
class Results:
    """All runs; ``varied`` are the options that differ, ``metric`` is sorted by, downwards or not.

    ``metric`` is "" as long as no run has a figure.
    """

    rows: list[Row]
    varied: list[str]
    metric: str
    downwards: bool

    @classmethod
    def of(cls, rows: list[Row], varied: list[str], sort_by: str | None) -> Results:
        """Those of runs, best first.

        Args:
            sort_by: a figure, with "-" before it for the highest first; by default the first one.

        Raises ConfigError if no run has that figure, but some have others.
        """
        names = list(dict.fromkeys(name for row in rows for name in row.outcome.figures))
        metric = (sort_by or "").removeprefix("-") or next(iter(names), "")
        if names and metric not in names:
            raise ConfigError(
                f"[sweep] sort_by: no run has {metric!r}{hint(metric, names)}; they have "
                f"{', '.join(names)}"
            )
        found = cls(rows, varied, metric, (sort_by or "").startswith("-"))
        return cls(sorted(rows, key=found._key), varied, metric, found.downwards)

    def value(self, row: Row) -> float:
        """The figure of a run that is sorted by; NaN if there is none."""
        return row.outcome.figures.get(self.metric, math.nan)

    def _key(self, row: Row) -> tuple[bool, float, str]:
        value = self.value(row)
        return math.isnan(value), -value if self.downwards else value, row.name

    @property
    def figures(self) -> list[str]:
        """The names of all figures, the one that is sorted by first."""
        names = dict.fromkeys(name for row in self.rows for name in row.outcome.figures)
        return [name for name in [self.metric] if name in names] + [
            name for name in names if name != self.metric
        ]

    @property
    def failed(self) -> list[Row]:
        """The runs that failed."""
        return [row for row in self.rows if row.outcome.state == FAILED]

    @property
    def measured(self) -> list[Row]:
        """The runs that have ended, with a finite figure to sort by."""
        return [
            row
            for row in self.rows
            if row.outcome.state in (FINISHED, TIME) and math.isfinite(self.value(row))
        ]

    def means(self) -> list[tuple[Trial, list[float]]]:
        """Options but the seed, with the figures of all seeds, best mean first."""
        found: dict[str, tuple[Trial, list[float]]] = {}
        for row in self.measured:
            options = {name: row.options.get(name) for name in self.varied if name != SEED}
            found.setdefault(repr(options), (options, []))[1].append(self.value(row))
        sign = -1 if self.downwards else 1
        return sorted(found.values(), key=lambda each: sign * statistics.fmean(each[1]))

    def to_csv(self) -> str:
        """A line for each run: all its options, its state, its figures and its error."""
        options = list(dict.fromkeys(name for row in self.rows for name in row.options))
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        lines.writerow(["run", *options, "state", *self.figures, "error"])
        for row in self.rows:
            figures = (row.outcome.figures.get(name) for name in self.figures)
            values = [_cell(row.options.get(name)) for name in options]
            state, error = row.outcome.state, row.outcome.error
            numbers = ["" if value is None else repr(value) for value in figures]
            lines.writerow([row.name, *values, state, *numbers, error])
        return text.getvalue()


def _cell(value: JSON) -> str:
    return "" if value is None else str(value)
