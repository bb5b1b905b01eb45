"""The loss over a whole source, in evaluation mode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from rnnbp.bptt.networks import LossesLike
from rnnbp.inputs.given import ModelLike
from rnnbp.inputs.models import as_network
from rnnbp.inputs.states import States
from rnnbp.losses.base import NoWeightError
from rnnbp.train.averages import Averages
from rnnbp.train.batch_losses import batch_losses
from rnnbp.train.carried import carrying, check_known, lost_after
from rnnbp.train.finiteness import warn_of_target
from rnnbp.train.origins import note_origin
from rnnbp.train.output_losses import Key, losses_of
from rnnbp.train.progress import bar_of_batches
from rnnbp.train.source import Batch, Source
from rnnbp.train.sources import epoch_of
from rnnbp.train.targets import check_targets


def validation_loss(
    model: ModelLike,
    source: Source,
    loss: LossesLike,
    *,
    chunk: int | None = None,
    seen: Callable[[int, Batch], object] | None = None,
    measured: Averages | None = None,
    progress: bool | None = False,
    warn: bool = False,
) -> float:
    """The mean over all elements of epoch 0 of ``source``, as if they were one batch.

    A batch counts by the denominator of its own mean: its number of elements, or their weights; one
    whose weights are all 0 is run for its state alone. For a function instead of a Loss it counts
    by its number of steps times sequences, and so with a ``WholeSequence``: the mean of the
    batches' values. Of several outputs it is the weighted sum of their means. State is carried into
    batches that are not fresh. ``measured`` sees y, target and mask of each chunk that has weight,
    and notes the loss of each of several outputs. ``progress`` shows a bar of the batches; ``warn``
    is True for a warning where the loss of a batch is not finite because of its target.

    Raises as ``evaluate`` does, NoWeightError, a ValueError, where no batch has weight.
    """
    check_targets(model, source, loss)
    found, index = Sums(model, loss, chunk, measured, warn), -1
    with bar_of_batches("evaluate", progress, source) as bar:
        for index, batch in enumerate(epoch_of(source)):
            try:
                found.add(index, batch)
            except Exception as error:  # whatever a source or a loss raises
                note_origin(error, source, 0, index)
                error.add_note(f"in validation, batch {index}")
                raise
            if seen is not None:
                seen(index, batch)
            if bar is not None:
                bar.update(1)
    if not found.weights:
        raise no_weight(index + 1)
    return found.mean()


def no_weight(batches: int) -> NoWeightError:
    """The error of a source without weight."""
    return NoWeightError(
        f"validation: the weights of all {batches} batches are 0; give another mask"
    )


@dataclass
class Sums:
    """Σ w L and Σ w over the batches of a source; the state is carried from one to the next."""

    model: ModelLike
    loss: LossesLike
    chunk: int | None
    measured: Averages | None
    warn: bool
    totals: dict[Key, float] = field(default_factory=dict)
    weights: dict[Key, float] = field(default_factory=dict)
    state: States | None = None
    lost: tuple[int, ...] = ()

    def add(self, index: int, batch: Batch) -> None:
        """Run a batch, of this number."""
        check_known(batch, self.lost)
        with carrying(batch, self.state):
            found = batch_losses(
                self.model, batch, self.loss, self.state, self.chunk, self.measured
            )
            self.state, self.lost = found.state, lost_after(batch, self.lost, found.lost)
        for key, (value, weight) in found.values.items():
            self.totals[key] = self.totals.get(key, 0.0) + value * weight
            self.weights[key] = self.weights.get(key, 0.0) + weight
            if self.warn:
                place = f"evaluate, batch {index}"
                warn_of_target(place, value, self.loss, batch.target, batch.mask)

    def mean(self) -> float:
        """The mean over all batches; of several outputs noted for each, and summed."""
        means = {key: self.totals[key] / weight for key, weight in self.weights.items()}
        if "" in means:
            return means[""]
        if self.measured is not None:
            self.measured.note_losses(means)
        factors = {part.key: part.factor for part in losses_of(as_network(self.model), self.loss)}
        return sum(factors[key] * mean for key, mean in means.items())
