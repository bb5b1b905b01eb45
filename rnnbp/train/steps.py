"""One step of a run: an update from a batch, or from several."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from rnnbp.inputs.states import States
from rnnbp.numerics import Array, NonFiniteError
from rnnbp.storage import JSON
from rnnbp.train.accumulation import WeightedSum
from rnnbp.train.averages import Averages, in_json
from rnnbp.train.batch_weights import weight_in_update
from rnnbp.train.carried import check_known, lost_after
from rnnbp.train.finiteness import DivergedError
from rnnbp.train.monitor import LOSS
from rnnbp.train.named_figures import PENALTY
from rnnbp.train.origins import note_origin
from rnnbp.train.run_data import RunData
from rnnbp.train.source import Batch, Source
from rnnbp.train.standing import Standing
from rnnbp.train.updates import Update, Updated


class Step(NamedTuple):
    """The line of metrics of an update, its gradients if any, and the number of its batches."""

    metrics: dict[str, JSON]
    grads: Mapping[str, Array] | None
    batches: int


def updated(update: Update, data: Source, at: Standing, known: RunData, *, skip: bool) -> Step:
    """Make the update from the batches at the place of a run.

    With ``skip`` a batch that is not finite, or whose loss, gradient or state is not, is left out.
    """
    group = Group(update, data, at, known)
    try:
        made = group.whole() if update.options.accumulate == 1 else group.summed()
    except (FloatingPointError, NonFiniteError) as error:
        if not skip or isinstance(error, DivergedError):
            raise
        at.history.note(dict.fromkeys(_names(update), math.nan))
        skipped: dict[str, JSON] = {"skipped": at.skip(), "nonfinite": str(error)}
        none: dict[str, JSON] = {"loss": None, "grad_norm": None, "lr": update.rate(at.step)}
        return Step(none | skipped, None, group.taken)
    at.state, at.lost = made.state, group.lost
    at.history.losses.append(made.loss)
    at.history.weightless += made.grads is None
    if made.losses and update.losses:
        group.measured.note_losses(made.losses)
    measured = group.measured.values()
    if update.options.judges:
        at.count({LOSS: made.loss} | measured)
    if update.penalised:
        measured = measured | {PENALTY: made.penalty}
    if not _names(update):
        return Step(made.metrics, made.grads, group.taken)
    at.history.note(dict.fromkeys(_names(update), math.nan) | measured)
    return Step(made.metrics | in_json(measured), made.grads, group.taken)


class Group:
    """The batches of an update, one after the other.

    The run's place is not changed, so that an update that fails can be repeated.
    """

    def __init__(self, update: Update, data: Source, at: Standing, known: RunData) -> None:
        self.update, self.data, self.at, self.known = update, data, at, known
        self.taken, self.lost = 0, at.lost
        self.measured = Averages(update.options.measured)

    def whole(self) -> Updated:
        """The update from one batch."""
        batch = self._next()
        try:
            made = self.update(batch, self.at.state, self.at.step, self.measured)
        except Exception as error:  # whatever a source, layer or loss raises
            note_origin(error, self.data, self.at.epoch, self.at.index)
            raise
        self._done(batch, made.lost)
        return made

    def summed(self) -> Updated:
        """The update from several batches, or from the rest of the epoch."""
        total, state = WeightedSum(), self.at.state
        while self.taken < self.update.options.accumulate and (
            not self.taken or self.at.index + self.taken < self.data.batches_per_epoch
        ):
            try:
                state = self._add_next(total, state)
            except Exception as error:  # whatever a source, layer or loss raises
                note_origin(error, self.data, self.at.epoch, self.at.index + self.taken - 1)
                error.add_note(f"in number {self.taken} of the batches of this update")
                raise
        return self.update.finish(total.mean(state, self.lost), self.at.step)

    def _add_next(self, total: WeightedSum, state: States) -> States:
        """Add a batch to the sum, which takes over its gradients; returns the state after it."""
        number, batch = self.taken, self._next()
        part = self.update.part(batch, state, self.at.step, number, self.measured)
        loss = self.update.options.loss
        given = part.grads is not None
        total.add(part, weight_in_update(self.update.model, batch, loss) if given else 0.0)
        self._done(batch, part.lost)
        return part.state

    def _next(self) -> Batch:
        self.taken += 1
        batch = self.data.batch(self.at.epoch, self.at.index + self.taken - 1)
        check_known(batch, self.lost)
        return batch

    def _done(self, batch: Batch, lost: tuple[int, ...]) -> None:
        self.lost = lost_after(batch, self.lost, lost)
        if self.taken == 1:
            self.known.see(self.data, self.at.step, self.at.epoch, self.at.index, batch)


def _names(update: Update) -> list[str]:
    names = [*update.options.output_losses, *(metric.name for metric in update.options.measured)]
    return names + [PENALTY] * update.penalised
