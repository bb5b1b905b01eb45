"""Losses by output as ``bptt`` takes them: with what looks on, scaled, or none at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rnnbp.bptt.networks import LossesLike
from rnnbp.graph.graph import Graph
from rnnbp.inputs.objective import LossLike, Observed
from rnnbp.losses.no_loss import NoLoss
from rnnbp.sweeps.by_output import OutputForm
from rnnbp.train.averages import Averages
from rnnbp.train.output_losses import Key, OutputLoss


def passed_losses(
    graph: Graph, losses: tuple[OutputLoss, ...], measured: Averages | None = None
) -> LossesLike:
    """The losses as ``bptt`` takes them, with what sees y, target and mask of each chunk.

    It hands observers on, but promises that nobody.
    """
    each = [None if part.loss is None else (part.factor, _seen(part, measured)) for part in losses]
    return OutputForm.of_graph(graph).form(each)


def _seen(part: OutputLoss, measured: Averages | None) -> LossLike | Observed | None:
    if part.loss is None or measured is None or not measured.metrics:
        return part.loss
    return Observed(part.loss, measured.of_output(part.key))


def scaled(losses: tuple[OutputLoss, ...], by: Mapping[Key, float]) -> tuple[OutputLoss, ...]:
    """The losses times factors by output; those of other outputs are left out."""
    return tuple(
        [
            replace(part, factor=part.factor * by[part.key])
            if part.key in by
            else replace(part, loss=None, factor=1.0)
            for part in losses
        ]
    )


def without_loss(losses: tuple[OutputLoss, ...]) -> tuple[OutputLoss, ...]:
    """No loss at all, as a loss of the first output: of a batch that is run for its state."""
    first, *others = losses
    none = [OutputLoss(part.number, part.key, None, 1.0) for part in others]
    return (OutputLoss(first.number, first.key, NoLoss(), 1.0), *none)
