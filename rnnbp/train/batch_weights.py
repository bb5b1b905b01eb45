"""The weight of a batch in a mean over several batches."""

from __future__ import annotations

import numpy as np

from rnnbp.checks.kinds import is_stream
from rnnbp.graph.graph import Graph
from rnnbp.inputs.given import ModelLike, TargetLike
from rnnbp.inputs.models import as_model
from rnnbp.inputs.objective import LossLike
from rnnbp.inputs.passed import parts_of, passed
from rnnbp.losses import Loss
from rnnbp.losses.function import FunctionLoss
from rnnbp.losses.penalised import data_loss
from rnnbp.numerics import Shape
from rnnbp.train.source import Batch


def weight_in_update(model: Graph, batch: Batch, loss: LossLike) -> float:
    """The weight of a batch within an update: the denominator of its mean; 1 for a function.

    Raises ValueError for streams, whose weights are not known beforehand.
    """
    loss = data_loss(loss)
    if not isinstance(loss, Loss):
        return 1.0
    if any(map(is_stream, (*parts_of(batch.x), batch.target, batch.mask))):
        raise ValueError(
            "Trainer: accumulate needs batches in memory, because they count by their weights; "
            "this one has a stream: give arrays, or accumulate=1"
        )
    return _of_elements(model, batch, loss)


def weight_in_source(model: ModelLike, batch: Batch, loss: LossLike) -> float:
    """The weight of a batch within a source: the denominator of its mean, steps for a function."""
    loss = data_loss(loss)
    if isinstance(loss, Loss):
        return _of_elements(as_model(model), batch, loss)
    lead, _ = _shapes(as_model(model), batch)
    return FunctionLoss(loss).weight(batch.target, batch.mask, outputs=lead)


def _of_elements(model: Graph, batch: Batch, loss: Loss) -> float:
    lead, shapes = _shapes(model, batch)
    (features,) = model.output_shapes(*shapes)
    target: TargetLike = batch.target  # None for a loss that needs none
    return loss.weighed(target, batch.mask, (*lead, *(features or ())))


def _shapes(model: Graph, batch: Batch) -> tuple[Shape, list[Shape]]:
    """(T and B of a batch, the feature shapes of its inputs)."""
    shapes = [np.shape(part) for part in passed(model, batch.x)[0]]
    each = zip(shapes, model.pers, strict=True)
    lead = shapes[model.pers.index("step")][:2]
    return lead, [shape[2 if per == "step" else 1 :] for shape, per in each]
