"""The loss over a whole source, in evaluation mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rnnbp.bptt.inference import evaluated
from rnnbp.bptt.objective import LossLike
from rnnbp.bptt.padding import lost_rows
from rnnbp.bptt.problem import as_model, pose
from rnnbp.bptt.refused import by_numpy_where_refused
from rnnbp.bptt.results import States
from rnnbp.ieee import ieee
from rnnbp.losses import Loss
from rnnbp.losses.base import NoLoss, NoWeightError
from rnnbp.train.source import Batch, Source, carrying, check_known, lost_after


def validation_loss(
    model: Any,
    source: Source,
    loss: LossLike,
    *,
    chunk: int | None = None,
    seen: Callable[[int, Batch], object] | None = None,
) -> float:
    """The mean over all elements of epoch 0 of ``source``, as if they were one batch.

    A batch counts by the denominator of its own mean: its number of elements, or their weights; one
    whose weights are all 0 is run for its state alone. For a function instead of a Loss it counts
    by its number of steps times sequences. State is carried into batches that are not fresh.

    Raises as ``evaluate`` does, NoWeightError, a ValueError, where no batch has weight.
    """
    total = weights = 0.0
    state: States | None = None
    lost: tuple[int, ...] = ()
    for index in range(source.batches_per_epoch):
        batch = source.batch(0, index)
        try:
            check_known(batch, lost)
            with carrying(batch, state):
                carried = None if batch.fresh else state
                value, weight, state, rows = _evaluated(model, batch, loss, carried, chunk)
                lost = lost_after(batch, lost, rows)
        except Exception as error:  # whatever a source or a loss raises
            error.add_note(f"in validation, batch {index}")
            raise
        if seen is not None:
            seen(index, batch)
        total += value * weight
        weights += weight
    if not weights > 0:
        raise NoWeightError(
            f"validation: the weights of all {source.batches_per_epoch} batches are 0; give another mask"
        )
    return total / weights


def _evaluated(
    model: Any, batch: Batch, loss: LossLike, state: States | None, chunk: int | None
) -> tuple[float, float, States, tuple[int, ...]]:
    """(loss, weight, state after it, rows whose state is lost) of a batch."""
    try:
        value, after, lost = _run(model, batch.x, batch.target, loss, batch.mask, state, chunk)
    except NoWeightError:
        _, after, lost = _run(model, batch.x, batch.target, NoLoss(), batch.mask, state, chunk)
        return 0.0, 0.0, after, lost
    return value, _weight(model, batch, loss), after, lost


@by_numpy_where_refused
@ieee
def _run(
    model: Any, x: Any, target: Any, loss: LossLike, mask: Any, state: States | None, chunk: int | None
) -> tuple[float, States, tuple[int, ...]]:
    """What ``evaluate`` returns, and the rows whose state is lost, as ``Gradients`` has them."""
    problem = pose(as_model(model), x, chunk=chunk, state=state, backend=None, mask=mask)
    value, after = evaluated(problem, target, loss, mask)
    return value, after, lost_rows(problem.x) if problem.state else ()


def _weight(model: Any, batch: Batch, loss: LossLike) -> float:
    shape = np.shape(batch.x)
    if not isinstance(loss, Loss) or batch.target is None:
        return float(shape[0] * shape[1])
    (features,) = as_model(model).output_shapes(shape[2:])
    return loss.weight(batch.target, batch.mask, outputs=(*shape[:2], *(features or ())))
