"""The loss of a batch in evaluation mode, of a model of one direction or a network over time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from rnnbp.bptt.evaluation import evaluated
from rnnbp.bptt.networks import Data, LossesLike, Reading, is_network, networks
from rnnbp.graph.graph import Graph
from rnnbp.inputs.given import ModelLike
from rnnbp.inputs.models import as_network
from rnnbp.inputs.states import States
from rnnbp.losses.base import NoWeightError
from rnnbp.losses.no_loss import NoLoss
from rnnbp.runners.refused import by_numpy_where_refused
from rnnbp.support.ieee import ieee
from rnnbp.sweeps.by_output import OutputForm
from rnnbp.train.averages import Averages
from rnnbp.train.batch_weights import weight_in_source
from rnnbp.train.carried import going_on
from rnnbp.train.output_losses import Key, OutputLoss, losses_of
from rnnbp.train.passed_losses import passed_losses, without_loss
from rnnbp.train.row_options import row_options
from rnnbp.train.source import Batch


class BatchLosses(NamedTuple):
    """What is found of a batch.

    Attributes:
        values: by output, its mean and the weight of that; none without weight.
        state: after it.
        lost: the rows whose state is not known.
    """

    values: Mapping[Key, tuple[float, float]]
    state: States
    lost: tuple[int, ...]


def batch_losses(
    model: ModelLike,
    batch: Batch,
    loss: LossesLike,
    state: States | None,
    chunk: int | None,
    measured: Averages | None,
) -> BatchLosses:
    """The losses of a batch; ``measured`` sees y, target and mask of each chunk that has weight.

    Raises as ``evaluate`` does; outputs without weight are left out.
    """
    graph = as_network(model)
    options = row_options(graph, batch)
    first = None if batch.fresh else going_on(graph, state)
    reading = Reading(first, chunk, **options, training=False)
    if is_network(graph, loss, lengths=reading.lengths, reset=reading.reset):
        return _of_network(model, batch, loss, reading, measured)
    run = partial(
        evaluated, model, batch.x, batch.target, state=first, mask=batch.mask, chunk=chunk
    )
    try:
        seen = measured.see if measured is not None and measured.metrics else None
        value, after, lost = run(loss, seen=seen)
    except NoWeightError:
        _, after, lost = run(NoLoss())
        return BatchLosses({}, after, lost)
    weight = weight_in_source(model, batch, OutputLoss(0, "", loss, 1.0))
    return BatchLosses({"": (value, weight)}, after, lost)


def _of_network(
    model: ModelLike,
    batch: Batch,
    loss: LossesLike,
    reading: Reading,
    measured: Averages | None,
) -> BatchLosses:
    graph = as_network(model)
    losses, form = losses_of(graph, loss), OutputForm.of_graph(graph)
    counted, weights = with_weight(graph, batch, losses)
    given = passed_losses(graph, counted if weights else without_loss(losses), measured)
    _, after, found = _run(model, Data(batch.x, batch.target, given, batch.mask), reading)
    values = {
        part.key: (found[form.key(part.number)], weights[part.key])
        for part in counted
        if part.key in weights
    }
    return BatchLosses(values, after, ())


@by_numpy_where_refused
@ieee
def _run(model: ModelLike, data: Data, reading: Reading) -> tuple[float, States, dict[Key, float]]:
    """(loss, state, losses by output) of a network."""
    value, after, found = networks().losses(as_network(model), data, reading)
    return value, after, found


def with_weight(
    graph: Graph, batch: Batch, losses: tuple[OutputLoss, ...]
) -> tuple[tuple[OutputLoss, ...], dict[Key, float]]:
    """(the losses, without those of outputs that have no weight in a batch; the weights by key)."""
    kept, weights = [], dict[Key, float]()
    for part in losses:
        weight = 0.0 if part.loss is None else weight_in_source(graph, batch, part)
        if weight > 0:
            weights[part.key] = weight
        kept.append(part if weight > 0 else OutputLoss(part.number, part.key, None, part.factor))
    return tuple(kept), weights
