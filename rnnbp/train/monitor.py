"""The figure that decides which parameters are the best, followed by ``keep_best`` and
``patience``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from rnnbp.numerics import shown
from rnnbp.storage import JSON
from rnnbp.support.nearest import hint
from rnnbp.train.identity import described
from rnnbp.train.metric_values import Own
from rnnbp.train.metrics import OTHER_NAMES, Metric

Mode: TypeAlias = Literal["auto", "min", "max"]
MODES: tuple[Mode, ...] = ("auto", "min", "max")
LOSS, VALIDATION, HISTORYS = "loss", "val_", "validation_"
"""The loss as a figure; what begins those of validation, here and in a History."""
PREFIX = re.compile("(?:(?P<validation>val|valid|validation|eval|test|dev)|train|training)[-_/ ]")
"""How other libraries begin the names of figures."""
KNOWN: dict[str, Mode] = {"accuracy": "max", "mse": "min", "mae": "min"}
"""Which way is better, of the library's metrics."""


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
        """Raise ValueError if the direction is unknown, or the user's is the opposite of the
        metric's.
        """
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

    def none_best(self) -> str:
        """The warning that no value was the best."""
        return (
            f"Trainer.fit: {self.name} has never been a finite number, so no parameters are the "
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


def as_monitor(given: object, mode: object, metrics: Sequence[Metric]) -> Monitor:
    """The figure that ``given`` names: the loss or one of the ``metrics``.

    Raises TypeError unless it is text, ValueError for an unknown name or mode.
    """
    asked = next((each for each in MODES if each == mode), None)
    if not isinstance(mode, str) or asked is None:
        ways = ", ".join(map(repr, MODES))
        raise ValueError(f"Trainer: mode is one of {ways}, found {shown(mode)}{hint(mode, MODES)}")
    if not isinstance(given, str):
        cure = (
            "name it: metrics=[f], monitor='val_f'"
            if callable(given)
            else "as 'val_loss' or 'val_accuracy'"
        )
        raise TypeError(f"Trainer: monitor is the name of a figure, found {shown(given)}; {cure}")
    figures: dict[str, tuple[str, bool, Metric | None]] = {}
    for base, metric in ((LOSS, None), *((each.name, each) for each in metrics)):
        figures[base] = base, False, metric
    for base, _, metric in [*figures.values()]:
        figures[VALIDATION + base] = base, True, metric
    name = _canonical(given, figures)
    if name not in figures:
        raise _unknown(given, figures)
    base, validation, metric = figures[name]
    known = "min" if metric is None else KNOWN.get(metric.kind)
    return Monitor(name, base, validation, metric, known or asked, asked)


def _canonical(given: str, figures: Collection[str]) -> str:
    """The name here of a figure that is named as in a History or a line of metrics."""
    if given in figures:
        return given
    if given == "validation":
        return VALIDATION + LOSS
    return VALIDATION + given.removeprefix(HISTORYS) if given.startswith(HISTORYS) else given


def _unknown(given: str, figures: Collection[str]) -> ValueError:
    """The error for a name that no figure has: with the nearest one, or the metric to request."""
    text, known = (
        f"Trainer: no figure is called monitor={shown(given)}",
        ", ".join(map(repr, figures)),
    )
    found = PREFIX.match(given.lower())
    base = given.lower()[found.end() :] if found else given.lower()
    base = OTHER_NAMES.get(base, base)
    own = (VALIDATION if found and found["validation"] else "") + base
    if base in KNOWN and own not in figures:
        return ValueError(f"{text}; give metrics=[{base!r}] too, and monitor={own!r}")
    near = hint(own if own in figures else given, figures)
    return ValueError(f"{text}{near}; they are {known}; a metric is one of them if metrics= has it")
