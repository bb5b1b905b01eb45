"""The loss over a whole source, in evaluation mode."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np

from rnnbp.bptt.evaluation import evaluated
from rnnbp.inputs.objective import LossLike, Seen
from rnnbp.inputs.problem import as_model
from rnnbp.inputs.states import States
from rnnbp.losses import Loss
from rnnbp.losses.base import NoLoss, NoWeightError
from rnnbp.losses.function import FunctionLoss
from rnnbp.train.carried import carrying, check_known, lost_after
from rnnbp.train.origins import note_origin
from rnnbp.train.progress import bar_of_batches
from rnnbp.train.source import Batch, Source
from rnnbp.train.sources import epoch_of
from rnnbp.train.targets import check_targets


def validation_loss(
    model: Any,
    source: Source,
    loss: LossLike,
    *,
    chunk: int | None = None,
    seen: Callable[[int, Batch], object] | None = None,
    measured: Seen | None = None,
    progress: bool | None = False,
) -> float:
    """The mean over all elements of epoch 0 of ``source``, as if they were one batch.

    A batch counts by the denominator of its own mean: its number of elements, or their weights; one
    whose weights are all 0 is run for its state alone. For a function instead of a Loss it counts
    by its number of steps times sequences, and so with a ``WholeSequence``: the mean of the
    batches' values. State is carried into batches that are not fresh. ``measured`` is called with
    y, target and mask of each chunk that has weight. ``progress`` shows a bar of the batches.

    Raises as ``evaluate`` does, NoWeightError, a ValueError, where no batch has weight.
    """
    check_targets(model, source, loss)
    total = weights = 0.0
    state: States | None = None
    lost: tuple[int, ...] = ()
    index = -1
    with bar_of_batches("evaluate", progress, source) as bar:
        for index, batch in enumerate(epoch_of(source)):
            try:
                check_known(batch, lost)
                with carrying(batch, state):
                    carried = None if batch.fresh else state
                    value, weight, state, rows = _evaluated(
                        model, batch, loss, carried, chunk, measured
                    )
                    lost = lost_after(batch, lost, rows)
            except Exception as error:  # whatever a source or a loss raises
                note_origin(error, source, 0, index)
                error.add_note(f"in validation, batch {index}")
                raise
            if seen is not None:
                seen(index, batch)
            total += value * weight
            weights += weight
            if bar is not None:
                bar.update(1)
    if not weights > 0:
        raise NoWeightError(
            f"validation: the weights of all {index + 1} batches are 0; give another mask"
        )
    return total / weights


def _evaluated(
    model: Any,
    batch: Batch,
    loss: LossLike,
    state: States | None,
    chunk: int | None,
    measured: Seen | None,
) -> tuple[float, float, States, tuple[int, ...]]:
    """(loss, weight, state after it, rows whose state is lost) of a batch."""
    how: dict[str, Any] = {"state": state, "mask": batch.mask, "chunk": chunk}
    with contextlib.suppress(NoWeightError):
        value, after, lost = evaluated(model, batch.x, batch.target, loss, seen=measured, **how)
        return value, _weight(model, batch, loss), after, lost
    _, after, lost = evaluated(model, batch.x, batch.target, NoLoss(), **how)
    return 0.0, 0.0, after, lost


def _weight(model: Any, batch: Batch, loss: LossLike) -> float:
    shape = np.shape(batch.x)
    if not isinstance(loss, Loss):
        return FunctionLoss(loss).weight(batch.target, batch.mask, outputs=shape[:2])
    (features,) = as_model(model).output_shapes(shape[2:])
    target: Any = batch.target
    return loss.weighed(target, batch.mask, (*shape[:2], *(features or ())))
