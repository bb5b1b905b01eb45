"""When a call of ``fit`` ends."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from rnnbp.numerics import positive_int, real_number
from rnnbp.train.snapshots import Standing
from rnnbp.train.source import UNKNOWN


@dataclass(frozen=True, slots=True)
class Limits:
    """Epochs and steps since the run began; seconds from now, ``began``. Raises TypeError or ValueError."""

    epochs: int | None
    steps: int | None
    max_seconds: float | None
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if self.epochs is None and self.steps is None and self.max_seconds is None:
            raise ValueError("Trainer.fit: there is no end; give epochs, steps or max_seconds")
        for name, value in (("epochs", self.epochs), ("steps", self.steps)):
            if value is not None:
                positive_int(f"Trainer.fit: {name}", value)
        if self.max_seconds is not None:
            real_number("Trainer.fit: max_seconds", self.max_seconds, above=0, cure="None sets no limit")

    def elapsed(self) -> float:
        """Seconds since the call."""
        return time.monotonic() - self.began

    def total(self, batches_per_epoch: int) -> int | None:
        """The steps of a run that nothing else ends; None where only time does."""
        known = None if batches_per_epoch == UNKNOWN else self.epochs
        whole = None if known is None else known * batches_per_epoch
        return min((n for n in (self.steps, whole) if n is not None), default=None)

    def reason(self, at: Standing) -> str | None:
        """Which limit has been reached, if any."""
        if (self.epochs is not None and at.epoch >= self.epochs) or (self.steps is not None and at.step >= self.steps):
            return "finished"
        return "time" if self.max_seconds is not None and self.elapsed() >= self.max_seconds else None
