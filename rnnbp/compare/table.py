"""The result of a comparison: rows of figures, as CSV, JSON and text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass

from rnnbp.compare.rows import LeftOut, Row
from rnnbp.compare.table_text import text_lines
from rnnbp.storage import JSON
from rnnbp.support.printing import printable
from rnnbp.support.reprs import bytes_text, counted, safe, titled


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

    about: Mapping[str, JSON]
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
            {
                "schedule": out.schedule,
                "budget_percent": out.share,
                "budget_bytes": out.budget,
                "too_much": out.why,
            }
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
        return "\n".join(text_lines(self.reference, self.rows, self.left_out))
