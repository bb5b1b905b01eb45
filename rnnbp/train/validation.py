"""The loss over a whole source, in evaluation mode."""

from __future__ import annotations

from typing import Any

from rnnbp.bptt import evaluate
from rnnbp.bptt.objective import LossLike
from rnnbp.bptt.problem import as_model
from rnnbp.losses import Loss
from rnnbp.train.source import Batch, Source


def validation_loss(model: Any, source: Source, loss: LossLike, *, chunk: int | None = None) -> float:
    """The mean over all elements of epoch 0 of ``source``, as if they were one batch.

    A batch counts by the denominator of its own mean: its number of elements, or their weights. For a
    function instead of a Loss it counts by its number of steps times sequences. State is carried into
    batches that are not fresh. Raises as ``evaluate`` does.
    """
    total = weights = 0.0
    state: Any = None
    for index in range(source.batches_per_epoch):
        batch = source.batch(0, index)
        carried = None if batch.fresh else state
        value, state = evaluate(model, batch.x, batch.target, loss, state=carried, mask=batch.mask, chunk=chunk)
        weight = _weight(model, batch, loss)
        total += value * weight
        weights += weight
    return total / weights


def _weight(model: Any, batch: Batch, loss: LossLike) -> float:
    lead = batch.x.shape[:2]
    if not isinstance(loss, Loss) or batch.target is None:
        return float(lead[0] * lead[1])
    (features,) = as_model(model).output_shapes(batch.x.shape[2:])
    return loss.total(batch.target, batch.mask, outputs=(*lead, *(features or ())))
