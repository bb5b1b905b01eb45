"""When a call of ``fit`` ends."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rnnbp.numerics import positive_int, real_number
from rnnbp.train.source import UNKNOWN
from rnnbp.train.standing import Standing


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a call of ``fit``.

    Epochs and steps count from its beginning or in all, seconds from ``began``; ``caller`` is what
    errors name.

    Raises TypeError or ValueError.
    """

    epochs: int | None = None
    steps: int | None = None
    max_seconds: float | None = None
    until_epochs: int | None = None
    until_steps: int | None = None
    began: float = field(default_factory=time.monotonic)
    caller: str = "Trainer.fit"

    def __post_init__(self) -> None:
        counts = ("epochs", "steps", "until_epochs", "until_steps")
        if self.max_seconds is None and all(getattr(self, name) is None for name in counts):
            raise ValueError(f"{self.caller}: there is no end; give epochs, steps or max_seconds")
        for name in counts:
            if (value := getattr(self, name)) is not None:
                positive_int(f"{self.caller}: {name}", value)
        if self.max_seconds is not None:
            what = f"{self.caller}: max_seconds"
            real_number(what, self.max_seconds, above=0, cure="None sets no limit")

    def elapsed(self) -> float:
        """Seconds since the call."""
        return time.monotonic() - self.began

    def counted(self, at: Standing) -> Limits:
        """The same limits in all, counted from where the call began."""
        epochs = _first(self.until_epochs, self.epochs, at.began[1])
        steps = _first(self.until_steps, self.steps, at.began[0])
        return replace(self, epochs=None, steps=None, until_epochs=epochs, until_steps=steps)

    def total(self, at: Standing, batches_per_epoch: int, accumulate: int = 1) -> int | None:
        """The last step, unless something else ends the run; None if only time does.

        For limits that are ``counted``.
        """
        epoch = None if batches_per_epoch == UNKNOWN else self.until_epochs
        each, rest = (
            -(-n // accumulate) for n in (batches_per_epoch, batches_per_epoch - at.index)
        )
        whole = None if epoch is None else at.step + (epoch - at.epoch) * each - each + rest
        return min((n for n in (self.until_steps, whole) if n is not None), default=None)

    def reason(self, at: Standing) -> str | None:
        """The limit that has been reached, if any. For limits that are ``counted``."""
        epoch, step = self.until_epochs, self.until_steps
        if (epoch is not None and at.epoch >= epoch) or (step is not None and at.step >= step):
            return "finished"
        return (
            "time" if self.max_seconds is not None and self.elapsed() >= self.max_seconds else None
        )

    def reached(self, at: Standing) -> str:
        """A note that there is nothing to do, because a limit in all is reached already; or ""."""
        given = {
            "until_epochs": (self.until_epochs, at.epoch),
            "until_steps": (self.until_steps, at.step),
        }
        for name, (value, done) in given.items():
            if value is not None and done >= value:
                return (
                    f"Trainer.fit: nothing to do, {name}={value} is reached: {done} are done; "
                    f"{name.removeprefix('until_')}= counts from now"
                )
        return ""

    def counted_otherwise(self, at: Standing, before: Sequence[Limits]) -> str | None:
        """A note that ``epochs`` and ``steps`` count from now, and no more in all; or None.

        Only for who asks for n, 2 n and 3 n in turn, as a loop that counts in all does: who asks
        once more for some epochs may have read that they count from now.
        """
        if self.until_epochs is not None or self.until_steps is not None:
            return None  # earlier versions had no such arguments
        for name, done in (("epochs", at.epoch), ("steps", at.step)):
            counts = [getattr(limits, name) for limits in (*before, self)]
            if len(counts) == 3 and counts[0] and counts == [counts[0] * n for n in (1, 2, 3)]:
                return (
                    f"Trainer.fit: {name}={counts[-1]} counts from now, after the {done} that are "
                    f"done; for {counts[-1]} in all, as in earlier versions, write "
                    f"until_{name}={counts[-1]}"
                )
        return None


def _first(until: int | None, more: int | None, began: int) -> int | None:
    if more is None:
        return until
    return began + more if until is None else min(until, began + more)
