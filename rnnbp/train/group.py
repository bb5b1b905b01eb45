"""The batches of an update, from a source."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

from rnnbp.inputs.states import States
from rnnbp.numerics import Array
from rnnbp.train.accumulation import Shares, WeightedSum
from rnnbp.train.averages import Averages
from rnnbp.train.batch_weights import weight_in_update, weights_in_update
from rnnbp.train.carried import check_known, lost_after
from rnnbp.train.origins import note_origin
from rnnbp.train.output_losses import OutputLoss
from rnnbp.train.run_data import RunData
from rnnbp.train.source import Batch, Source
from rnnbp.train.standing import Standing
from rnnbp.train.updates import Update, Updated


class Group(ABC):
    """The batches of an update, one after the other.

    The run's place is not changed, so that an update that fails can be repeated.

    Attributes:
        taken: batches so far.
        lost: the sequences whose state is not known after them.
        measured: the metrics.
    """

    def __init__(self, update: Update, data: Source, at: Standing, known: RunData) -> None:
        self.update, self.data, self.at, self.known = update, data, at, known
        self.taken, self.lost = 0, at.lost
        self.measured = Averages(update.options.measured)

    @abstractmethod
    def made(self) -> Updated:
        """Make the update."""

    def _more(self) -> bool:
        """True if there is another batch: of ``accumulate``, or of the rest of the epoch."""
        return self.taken < self.update.options.accumulate and (
            not self.taken or self.at.index + self.taken < self.data.batches_per_epoch
        )

    @contextmanager
    def _noting(self, number: int, rows: Array | None = None) -> Iterator[None]:
        """Errors say which of the batches they are of; of a part of one which rows it has."""
        try:
            yield
        except Exception as error:  # whatever a source, layer or loss raises
            note_origin(error, self.data, self.at.epoch, self.at.index + number, rows)
            if self.update.options.accumulate > 1:
                error.add_note(f"in number {number + 1} of the batches of this update")
            raise


class WholeGroup(Group):
    """All rows of each batch in this process."""

    def made(self) -> Updated:
        """The update from one batch, or from several."""
        return self._one() if self.update.options.accumulate == 1 else self._summed()

    def _one(self) -> Updated:
        batch = self._next()
        check_known(batch, self.lost)
        with self._noting(0):
            made = self.update(batch, self.at.state, self.at.step, self.measured)
        self._done(0, batch, made.lost)
        return made

    def _summed(self) -> Updated:
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
        while self._more():
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
