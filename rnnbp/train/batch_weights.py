"""The weight of a batch in a mean over several batches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rnnbp.checks.kinds import is_stream
from rnnbp.graph.axes import value_axes
from rnnbp.graph.graph import Graph
from rnnbp.inputs.given import ModelLike, SeriesLike
from rnnbp.inputs.models import as_network
from rnnbp.inputs.objective import LossLike
from rnnbp.inputs.passed import parts_of, passed
from rnnbp.losses import Loss
from rnnbp.losses.function import FunctionLoss
from rnnbp.losses.penalised import data_loss
from rnnbp.numerics import Shape
from rnnbp.sweeps.by_output import OutputForm
from rnnbp.sweeps.given_losses import naming
from rnnbp.train.output_losses import OutputLoss
from rnnbp.train.source import Batch


def weight_in_update(model: Graph, batch: Batch, of: OutputLoss) -> float:
    """The weight of a batch within an update under the loss of an output: the denominator of its
    mean; 1 for a function.

    Raises ValueError for streams, whose weights are not known beforehand.
    """
    loss = data_loss(of.loss)
    if not isinstance(loss, Loss):
        return 1.0
    if any(map(is_stream, (*parts_of(batch.x), *parts_of(batch.target), *parts_of(batch.mask)))):
        raise ValueError(
            "Trainer: accumulate needs batches in memory, because they count by their weights; "
            "this one has a stream: give arrays, or accumulate=1"
        )
    return weight_in_source(model, batch, replace(of, loss=loss))


def weights_in_update(
    model: Graph, batch: Batch, losses: tuple[OutputLoss, ...]
) -> dict[str | int, float]:
    """Those of several outputs by name, of the ones that have weight. Raises as for one."""
    found = {
        part.key: weight_in_update(model, batch, part)
        for part in losses
        if part.loss is not None and weight_in_source(model, batch, part) > 0
    }
    return {key: weight for key, weight in found.items() if weight > 0}


def weight_in_source(model: ModelLike, batch: Batch, of: OutputLoss) -> float:
    """The weight of a batch within a source under the loss of an output: the denominator of its
    mean, steps for a function.
    """
    graph, form = as_network(model), OutputForm.of_graph(as_network(model))
    target, mask = (
        form.parts(name, given, each=False)[of.number]
        for name, given in (("target", batch.target), ("mask", batch.mask))
    )
    with naming(form, of.number):
        return _weight(data_loss(of.loss), target, mask, *_shapes(graph, batch, of.number))


def _weight(
    loss: LossLike, target: SeriesLike, mask: SeriesLike, lead: Shape, features: Shape
) -> float:
    if isinstance(loss, Loss):
        return loss.weighed(target, mask, (*lead, *features))
    return FunctionLoss(loss).weight(target, mask, outputs=lead)


def _shapes(graph: Graph, batch: Batch, number: int) -> tuple[Shape, Shape]:
    """(T and B of an output, B alone of a static one; its features)."""
    shapes = [np.shape(part) for part in passed(graph, batch.x)[0]]
    each = zip(shapes, graph.pers, strict=True)
    own = [shape[2 if per == "step" else 1 :] for shape, per in each]
    axes, features = value_axes(graph), graph.output_shapes(*own)[number] or ()
    axis, first = axes[graph.outputs[number]], graph.pers.index("step")
    if not axis:
        return shapes[first][1:2], features
    source = next((k for k in range(len(graph.pers)) if axes[k] == axis), first)
    return shapes[source][:2], features
