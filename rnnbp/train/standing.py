"""The place of a run, with its history and the best parameters so far."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from rnnbp.inputs.states import States
from rnnbp.numerics import Array
from rnnbp.runners.backend import as_backend
from rnnbp.runners.rounding import ROUNDING, joined_roundings
from rnnbp.support import reprs
from rnnbp.support.pickled import Slotted
from rnnbp.train.best import VALIDATION, Best, means
from rnnbp.train.history import History
from rnnbp.train.monitor import LOSS, Monitor
from rnnbp.train.options import Options


@dataclass(slots=True)
class Standing(Slotted):
    """The place of a run: what changes, except parameters, optimiser and learning rate.

    The next batch is ``index`` of ``epoch``; ``state`` is what the last one left; ``waited`` counts
    validations, or other judgements, since the best one, whose parameters are ``best_weights``.
    """

    step: int = 0
    epoch: int = 0
    index: int = 0
    state: States = ()
    waited: int = 0
    best_weights: dict[str, Array] = field(default_factory=dict)
    history: History = field(default_factory=History)
    lost: tuple[int, ...] = ()
    """The sequences whose state is not known, as ``Gradients`` has them."""
    began: tuple[int, int] = (0, 0)
    """The step and the epoch from which ``fit`` counts; an epoch in progress is finished first."""
    sums: dict[str, tuple[float, int]] = field(default_factory=dict)
    """Of the loss and each metric, the sum over batches since the last judgement, and their number.
    """
    anew: bool = False
    """True if the best is by a figure that is no longer followed: the next one replaces it."""

    @reprs.safe
    def __repr__(self) -> str:
        place = f"at batch {self.index:,} of epoch {self.epoch:,}"
        return f"{type(self).__name__}: {self.step:,} steps done, {place}"

    def begin(self) -> bool:
        """Count from here; returns True if that is a different place than before."""
        before, self.began = self.began, (self.step, self.epoch + (self.index > 0))
        return self.began != before

    def advance(self, batches_per_epoch: int, batches: int = 1) -> None:
        """Count an update from this many batches."""
        self.step, self.index = self.step + 1, self.index + batches
        if self.index == batches_per_epoch:
            self.epoch, self.index = self.epoch + 1, 0

    def rounded(self) -> dict[str, str]:
        """Note in the history what is not exact of a step; the part of its line that says so."""
        text = as_backend(None).rounding
        self.history.rounding = joined_roundings(self.history.rounding, text)
        return {ROUNDING: text} if text else {}

    def skip(self) -> int:
        """Skip a batch; returns the number skipped so far."""
        self.history.losses.append(math.nan)
        self.state, self.lost = (), ()
        return self.history.skipped

    def due(self, every: int | None) -> bool:
        """True after every ``every`` steps, or for None at the end of an epoch."""
        return self.index == 0 if every is None else self.step % every == 0

    def change(self, before: Options, now: Options) -> None:
        """Forget the sums of other metrics, and the best if a different figure is followed."""
        kept = {LOSS, *(metric.name for metric in now.measured if metric in before.measured)}
        self.sums = {name: pair for name, pair in self.sums.items() if name in kept}
        self.anew |= self.history.best is not None and now.monitored != before.monitored

    def count(self, found: Mapping[str, float]) -> None:
        """Add the figures of an update; those that are not finite do not count."""
        for name, value in found.items():
            if math.isfinite(value):
                total, count = self.sums.get(name, (0.0, 0))
                self.sums[name] = total + value, count + 1

    def judge(
        self, monitor: Monitor, validation: Mapping[str, float], params: Mapping[str, Array]
    ) -> None:
        """Note a validation, and keep the parameters if the monitored figure is the best so far.

        Args:
            validation: its loss and its metrics; empty if there was none.

        A figure that is missing or not finite is never the best.
        """
        past, training = self.history, means(self.sums)
        value = (validation if monitor.validation else training).get(monitor.base, math.nan)
        best = None if self.anew else past.best
        better = math.isfinite(value) and (best is None or monitor.better(value, best.value))
        # may raise: nothing is noted yet
        weights = {name: p.copy() for name, p in params.items()} if better else {}
        self.sums, self.waited = {}, self.waited + 1
        if validation:
            past.validation_losses.append(validation[LOSS])
            past.validation_steps.append(self.step)
        if better:
            metrics = {VALIDATION + name: v for name, v in validation.items()} | training
            past.best = Best(self.step, self.epoch + (self.index > 0), monitor.name, value, metrics)
            past.best_loss, past.best_step = validation.get(LOSS), self.step
            self.best_weights = weights
            self.waited, self.anew = 0, False
