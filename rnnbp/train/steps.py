"""One step of a run: an update from a batch, or from several."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from rnnbp.inputs.states import States
from rnnbp.numerics import Array, NonFiniteError
from rnnbp.storage import JSON
from rnnbp.train.accumulation import Shares, WeightedSum
from rnnbp.train.averages import Averages, in_json
from rnnbp.train.batch_weights import weight_in_update, weights_in_update
from rnnbp.train.carried import check_known, lost_after
from rnnbp.train.finiteness import DivergedError
from rnnbp.train.monitor import LOSS
from rnnbp.train.named_figures import PENALTY
from rnnbp.train.origins import note_origin
from rnnbp.train.output_losses import OutputLoss
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
        check_known(batch, self.lost)
        try:
            made = self.update(batch, self.at.state, self.at.step, self.measured)
        except Exception as error:  # whatever a source, layer or loss raises
            note_origin(error, self.data, self.at.epoch, self.at.index)
            raise
        self._done(0, batch, made.lost)
        return made

    def summed(self) -> Updated:
        """The update from several batches, or from the rest of the epoch."""
        total, state = WeightedSum(), self.at.state
        batches, shares = self._rest(), None
        if self.update.losses:  # whose weights in all batches are to be known before the first
            read = [*batches]
            batches, shares = iter(read), self._shares(read)
        for number, batch in enumerate(batches):
            with self._noting(number):
                state = self._add(total, number, batch, state, shares)
        return self.update.finish(total.mean(state, self.lost), self.at.step)

    def _rest(self) -> Iterator[Batch]:
        """The batches of the update, one after the other."""
        while self.taken < self.update.options.accumulate and (
            not self.taken or self.at.index + self.taken < self.data.batches_per_epoch
        ):
            with self._noting(self.taken):
                batch = self._next()
            yield batch

    def _shares(self, batches: list[Batch]) -> Shares:
        """The weights of all batches by output."""
        model, losses, found = self.update.model, self.update.losses, []
        for number, batch in enumerate(batches):
            with self._noting(number):
                found.append(weights_in_update(model, batch, losses))
        return Shares(tuple(found))

    @contextmanager
    def _noting(self, number: int) -> Iterator[None]:
        """Errors say which of the batches they are of."""
        try:
            yield
        except Exception as error:  # whatever a source, layer or loss raises
            note_origin(error, self.data, self.at.epoch, self.at.index + number)
            error.add_note(f"in number {number + 1} of the batches of this update")
            raise

    def _add(
        self, total: WeightedSum, number: int, batch: Batch, state: States, shares: Shares | None
    ) -> States:
        """Add a batch to the sum, which takes over its gradients; returns the state after it."""
        check_known(batch, self.lost)
        model, step, loss = self.update.model, self.at.step, self.update.options.loss
        factors = None if shares is None else shares.factors(number)
        part = self.update.part(batch, state, step, number, self.measured, factors)
        if shares is not None:
            total.add(part, shares.weight(number), shares.of(number))
        elif part.grads is not None:
            total.add(part, weight_in_update(model, batch, OutputLoss(0, "", loss, 1.0)))
        self._done(number, batch, part.lost)
        return part.state

    def _next(self) -> Batch:
        self.taken += 1
        return self.data.batch(self.at.epoch, self.at.index + self.taken - 1)

    def _done(self, number: int, batch: Batch, lost: tuple[int, ...]) -> None:
        self.lost = lost_after(batch, self.lost, lost)
        if not number:
            self.known.see(self.data, self.at.step, self.at.epoch, self.at.index, batch)


def _names(update: Update) -> list[str]:
    names = [*update.options.output_losses, *(metric.name for metric in update.options.measured)]
    return names + [PENALTY] * update.penalised
