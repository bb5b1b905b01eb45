"""The figure by which ``keep_best`` and ``patience`` decide which parameters are the best."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from rnnbp.storage import JSON
from rnnbp.train.averages import Metric
from rnnbp.train.identity import described
from rnnbp.train.metric_values import Own

Mode: TypeAlias = Literal["auto", "min", "max"]
LOSS, HISTORYS = "loss", "validation_"
"""The loss as a figure; how names of figures of validation begin in a History."""


@dataclass(frozen=True, slots=True)
class Monitor:
    """A figure and the direction in which it improves.

    Attributes:
        name: "val_loss", "loss", or the name of a metric.
        base: the name without "val_".
        validation: True if it is measured in validation.
        metric: None for the loss.
        mode: "min" or "max"; "auto" if unknown.
        asked: the user's mode.
    """

    name: str
    base: str
    validation: bool
    metric: Metric | None
    mode: Mode
    asked: Mode = field(compare=False)

    def check(self) -> None:
        """Raise ValueError if the direction is unknown, or the opposite of the metric's."""
        if self.mode == "auto":
            raise ValueError(
                f"Trainer: monitor={self.name!r} is a function of yours: give mode='max' where "
                f"more of it is better, or mode='min'"
            )
        if self.asked not in ("auto", self.mode):
            less = "less" if self.mode == "min" else "more"
            raise ValueError(
                f"Trainer: mode={self.asked!r} goes against monitor={self.name!r}, of which {less} "
                f"is better; leave mode out, or name another figure by monitor="
            )

    def none_best(self, caller: str) -> str:
        """The warning that no value was the best."""
        return (
            f"{caller}: {self.name} has never been a finite number, so no parameters are the "
            f"best, and the model has the last ones; look at what the metric returns"
        )

    def better(self, value: float, best: float) -> bool:
        """True if a value is better than the best so far; False if it is equal."""
        return value > best if self.mode == "max" else value < best

    def lines(self) -> dict[str, JSON]:
        """Its description, which a resumed run compares."""
        found: dict[str, JSON] = {"monitor": self.name}
        if self.metric is None:
            return found
        found["monitor mode"] = self.mode
        values = self.metric.values
        if isinstance(values, Own):
            return found | described("monitor metric", values.function)
        return found | {"monitor metric": self.metric.kind}
