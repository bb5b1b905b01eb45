"""The results of a run so far."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NoReturn

from rnnbp.support import html, reprs
from rnnbp.support.late_modules import late
from rnnbp.support.pickled import Slotted
from rnnbp.train.best import Best
from rnnbp.train.named_figures import HistoryFigures
from rnnbp.wording.instead import HISTORY, Instead

if TYPE_CHECKING:
    from rnnbp.train.history_picture import losses_picture
else:  # drawn in notebooks alone
    losses_picture = late("rnnbp.train.history_picture", "losses_picture")

METRICS = 20
"""Metrics that a repr shows at most."""


@dataclass(slots=True)
class History(Slotted, Instead):
    """The result of training.

    Attributes:
        losses: for each step, the loss of its batch before the update, penalties included; NaN if
            it was skipped or has no weight.
        validation_losses: the loss of each validation.
        validation_steps: the steps done before each validation.
        best_loss: the validation loss when the monitored figure was best, or None.
        best_step: the steps done when the figure that the run monitors, by default the validation
            loss, was best, or None.
        best: a ``Best``, with step, epoch, monitor, value and metrics: the figure's name and value
            then, and all others by name.
        reason: "finished", "early stopping", "time", "interrupted", or the reason of a callback;
            "error" in a history that an exception carries.
        seconds: of training, resumed runs included.
        signal: the number of the signal that interrupted it, as SIGINT of Ctrl-C, else None.
        metrics: by name, as "accuracy", a value for each step, NaN for a step without one, and as
            "validation_accuracy", or as ``monitor`` calls it "val_accuracy", for each validation.
            Of several outputs "tag_loss" is the loss of the output "tag", without its weight.
            Where the loss has penalties, "penalty" is their sum in the loss of each step;
            validation takes the loss of the data alone.
        weightless: the number of batches without weight, as a window of padding or warm-up alone.
        rounding: what is not exact of its steps, as "bfloat16 products, 16-bit tapes"; "" where all
            is. The lines of metrics.jsonl have it too.

    >>> import numpy as np, rnnbp as rb
    >>> x = np.zeros((8, 5, 1), np.float32)
    >>> data, loss = rb.Sequences(x, x, batch_size=4), rb.losses.MeanSquaredError()
    >>> history = rb.fit(rb.Sequential(rb.Dense(1, 1)), data, loss, epochs=1, metrics=["mae"])
    >>> history.steps, len(history.losses), list(history.metrics), history.reason
    (2, 2, ['mae'], 'finished')
    """

    _instead = HISTORY
    losses: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    validation_steps: list[int] = field(default_factory=list)
    best_loss: float | None = None
    best_step: int | None = None
    reason: str = ""
    seconds: float = 0.0
    signal: int | None = None
    metrics: dict[str, list[float]] = field(default_factory=dict)
    weightless: int = 0
    best: Best | None = None
    rounding: str = ""

    def __post_init__(self) -> None:
        self.metrics = HistoryFigures(self.metrics)

    def __getitem__(self, name: object) -> NoReturn:
        """Raise TypeError that says which attribute has what Keras has under this name."""
        way = HISTORY.get(name, "") if isinstance(name, str) else ""
        known = "losses, validation_losses and metrics, a dict of lists, are attributes"
        raise TypeError(f"History: no [{name!r}]; {way or known}")

    def note(self, found: Mapping[str, float]) -> None:
        """Append a value to each of some metrics."""
        for name, value in found.items():
            self.metrics.setdefault(name, []).append(value)

    @property
    def steps(self) -> int:
        """Updates made, and batches skipped or without weight."""
        return len(self.losses)

    @property
    def skipped(self) -> int:
        """Batches that were skipped because a value in them was not finite."""
        return sum(map(math.isnan, self.losses)) - self.weightless

    @reprs.safe
    def __repr__(self) -> str:
        what, rows = self._shown()
        return reprs.titled(self, what, **rows)

    @html.safe
    def _repr_html_(self) -> str:
        """What a notebook shows: the rows of the repr, and the losses as a picture."""
        picture = losses_picture(self.losses, self.validation_losses, self.validation_steps)
        return html.shown(self, *self._shown(), picture)

    def _shown(self) -> tuple[str, dict[str, str]]:
        """What it is, and rows by name."""
        steps, reason = reprs.counted(self.steps, "step"), self.reason or "going on"
        what = f"{steps} in {reprs.number(self.seconds)} s, {reason}"
        old = self.best is None and self.best_loss is not None  # as one that was built by hand
        best = f"; best_loss {reprs.number(self.best_loss)} at step {self.best_step}" if old else ""
        last = [
            f"{name} {reprs.number(_counting(values)[-1])}"
            for name, values in self.metrics.items()
            if values
        ]
        means = [*filter(None, self.best.means().split(", "))] if self.best else []
        return what, dict(
            losses=_ends(self.losses),
            validation_losses=_ends(self.validation_losses) + best,
            **reprs.filled("best", [] if self.best is None else self.best.text().split(", ")),
            **reprs.filled("training", means, " in the batches before the best"),
            **reprs.filled("metrics", _first(last), " at last"),
            skipped=f"{self.skipped:,}" if self.skipped else "",
            weightless=f"{self.weightless:,}" if self.weightless else "",
            rounding=self.rounding,
        )

    def copy(self, reason: str, signal: int | None = None) -> History:
        """A copy that further training does not change."""
        return replace(
            self,
            losses=self.losses.copy(),
            validation_losses=self.validation_losses.copy(),
            validation_steps=self.validation_steps.copy(),
            metrics={name: values.copy() for name, values in self.metrics.items()},
            best=self.best and replace(self.best, metrics=self.best.metrics.copy()),
            reason=reason,
            signal=signal,
        )


def _first(texts: list[str]) -> list[str]:
    """As many as a screen has room for, and the number of the others."""
    more = [f"{len(texts) - METRICS:,} more"] if len(texts) > METRICS else []
    return [*texts[:METRICS], *more]


def _ends(losses: list[float]) -> str:
    """The first and the last loss that is not NaN, as text."""
    losses = _counting(losses)
    if len(losses) < 2:
        return "".join(map(reprs.number, losses))
    return f"{reprs.number(losses[0])} at first, {reprs.number(losses[-1])} at last"


def _counting(values: list[float]) -> list[float]:
    """The values that are not NaN, if there are any; else the last."""
    return [value for value in values if not math.isnan(value)] or values[-1:]


HISTORY_NOTE = "its .history is the History of the run: "
"""How the note begins that an error out of ``fit`` has."""


def carry(error: BaseException, history: History) -> None:
    """Attach the history so far to an exception that ends a run, with a note."""
    vars(error)["history"] = history
    told = [str(error), *getattr(error, "__notes__", [])]  # by the text after a signal too
    if history.steps and not any(".history" in text for text in told):
        error.add_note(f"{HISTORY_NOTE}{history.steps} steps")
