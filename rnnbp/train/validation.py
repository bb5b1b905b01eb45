"""The loss over a whole source, in evaluation mode."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from rnnbp.bptt.evaluation import evaluated
from rnnbp.inputs.given import ModelLike
from rnnbp.inputs.objective import LossLike, Seen
from rnnbp.inputs.states import States
from rnnbp.losses.base import NoWeightError
from rnnbp.losses.no_loss import NoLoss
from rnnbp.train.batch_weights import weight_in_source
from rnnbp.train.carried import carrying, check_known, lost_after
from rnnbp.train.finiteness import warn_of_target
from rnnbp.train.origins import note_origin
from rnnbp.train.progress import bar_of_batches
from rnnbp.train.source import Batch, Source
from rnnbp.train.sources import epoch_of
from rnnbp.train.targets import check_targets


def validation_loss(
    model: ModelLike,
    source: Source,
    loss: LossLike,
    *,
    chunk: int | None = None,
    seen: Callable[[int, Batch], object] | None = None,
    measured: Seen | None = None,
    progress: bool | None = False,
    warn: bool = False,
) -> float:
    """The mean over all elements of epoch 0 of ``source``, as if they were one batch.

    A batch counts by the denominator of its own mean: its number of elements, or their weights; one
    whose weights are all 0 is run for its state alone. For a function instead of a Loss it counts
    by its number of steps times sequences, and so with a ``WholeSequence``: the mean of the
    batches' values. State is carried into batches that are not fresh. ``measured`` is called with
    y, target and mask of each chunk that has weight. ``progress`` shows a bar of the batches;
    ``warn`` is True for a warning where the loss of a batch is not finite because of its target.

    Raises as ``evaluate`` does, NoWeightError, a ValueError, where no batch has weight.
    """
    check_targets(model, source, loss)
    found, index = _Sums(model, loss, chunk, measured, warn), -1
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
    if not found.weights > 0:
        raise NoWeightError(
            f"validation: the weights of all {index + 1} batches are 0; give another mask"
        )
    return found.total / found.weights


@dataclass
class _Sums:
    """Σ w L and Σ w over the batches of a source; the state is carried from one to the next."""

    model: ModelLike
    loss: LossLike
    chunk: int | None
    measured: Seen | None
    warn: bool
    total: float = 0.0
    weights: float = 0.0
    state: States | None = None
    lost: tuple[int, ...] = ()

    def add(self, index: int, batch: Batch) -> None:
        """Run a batch, of this number."""
        check_known(batch, self.lost)
        with carrying(batch, self.state):
            value, weight, self.state, rows = self._evaluated(batch)
            self.lost = lost_after(batch, self.lost, rows)
        self.total += value * weight
        self.weights += weight
        if self.warn:
            place = f"evaluate, batch {index}"
            warn_of_target(place, value, self.loss, batch.target, batch.mask)

    def _evaluated(self, batch: Batch) -> tuple[float, float, States, tuple[int, ...]]:
        """(loss, weight, state after it, rows whose state is lost) of a batch."""
        run = partial(
            evaluated,
            self.model,
            batch.x,
            batch.target,
            state=None if batch.fresh else self.state,
            mask=batch.mask,
            chunk=self.chunk,
        )
        with contextlib.suppress(NoWeightError):
            value, after, lost = run(self.loss, seen=self.measured)
            return value, weight_in_source(self.model, batch, self.loss), after, lost
        _, after, lost = run(NoLoss())
        return 0.0, 0.0, after, lost
