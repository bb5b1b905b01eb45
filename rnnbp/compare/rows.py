"""A schedule under a budget, predicted and measured: its figures by name."""

from __future__ import annotations

from dataclasses import dataclass

from rnnbp.compare.choices import Choice, Why
from rnnbp.compare.measure import Measured
from rnnbp.runners.rounding import ROUNDING
from rnnbp.support.reprs import bytes_text, cut, safe

SLOWEST = 20
"""Times as long as full caching that a schedule may take: one with a single tape is quadratic.
"""


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

    def figures(self) -> dict[str, bool | int | float | str | None]:
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
            ROUNDING: found.rounding,
        }


@dataclass(frozen=True)
class LeftOut:
    """A schedule that does not fit, or takes over ``SLOWEST`` times as long as full caching.

    Attributes:
        schedule: its name.
        share: the budget in percent of the bytes of full caching.
        budget: bytes.
        why: what it takes too much of, "bytes" or "seconds".
    """

    schedule: str
    share: float
    budget: int
    why: Why = "bytes"
