"""The weight of a batch in a mean over several batches."""

from __future__ import annotations

import numpy as np

from rnnbp.checks.kinds import is_stream
from rnnbp.graph.graph import Graph
from rnnbp.inputs.given import ModelLike, TargetLike
from rnnbp.inputs.models import as_model
from rnnbp.inputs.objective import LossLike
from rnnbp.losses import Loss
from rnnbp.losses.function import FunctionLoss
from rnnbp.train.source import Batch


def weight_in_update(model: Graph, batch: Batch, loss: LossLike) -> float:
    """The weight of a batch within an update: the denominator of its mean; 1 for a function.

    Raises ValueError for streams, whose weights are not known beforehand.
    """
    if not isinstance(loss, Loss):
        return 1.0
    if is_stream(batch.x) or is_stream(batch.target) or is_stream(batch.mask):
        raise ValueError(
            "Trainer: accumulate needs batches in memory, because they count by their weights; "
            "this one has a stream: give arrays, or accumulate=1"
        )
    return _of_elements(model, batch, loss)


def weight_in_source(model: ModelLike, batch: Batch, loss: LossLike) -> float:
    """The weight of a batch within a source: the denominator of its mean, steps for a function."""
    if isinstance(loss, Loss):
        return _of_elements(as_model(model), batch, loss)
    return FunctionLoss(loss).weight(batch.target, batch.mask, outputs=np.shape(batch.x)[:2])


def _of_elements(model: Graph, batch: Batch, loss: Loss) -> float:
    shape = np.shape(batch.x)
    (features,) = model.output_shapes(shape[2:])
    target: TargetLike = batch.target  # None for a loss that needs none
    return loss.weighed(target, batch.mask, (*shape[:2], *(features or ())))
