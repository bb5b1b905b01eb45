"""One step of a run: an update from a batch, or from several."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from rnnbp.numerics import Array, NonFiniteError
from rnnbp.storage import JSON
from rnnbp.train.averages import in_json
from rnnbp.train.finiteness import DivergedError
from rnnbp.train.group import Group, WholeGroup
from rnnbp.train.monitor import LOSS
from rnnbp.train.named_figures import PENALTY
from rnnbp.train.run_data import RunData
from rnnbp.train.sharded_group import ShardedGroup
from rnnbp.train.source import Source
from rnnbp.train.standing import Standing
from rnnbp.train.updates import Update


class Step(NamedTuple):
    """The line of metrics of an update, its gradients if any, and the number of its batches."""

    metrics: dict[str, JSON]
    grads: Mapping[str, Array] | None
    batches: int


def updated(update: Update, data: Source, at: Standing, known: RunData, *, skip: bool) -> Step:
    """Make the update from the batches at the place of a run.

    With ``skip`` a batch that is not finite, or whose loss, gradient or state is not, is left out.
    """
    group = _group(update, data, at, known)
    try:
        made = group.made()
    except (FloatingPointError, NonFiniteError) as error:
        if not skip or isinstance(error, DivergedError):
            raise
        at.history.note(dict.fromkeys(_names(update), math.nan))
        skipped: dict[str, JSON] = {"skipped": at.skip(), "nonfinite": str(error)}
        none: dict[str, JSON] = {"loss": None, "grad_norm": None, "lr": update.rate(at.step)}
        return Step(none | skipped, None, group.taken)
    at.state, at.lost = made.state, group.lost
    at.history.losses.append(made.loss)
    at.history.weightless += made.grads is None
    if made.losses and update.losses:
        group.measured.note_losses(made.losses)
    measured = group.measured.values()
    if update.options.judges:
        at.count({LOSS: made.loss} | measured)
    if update.penalised:
        measured = measured | {PENALTY: made.penalty}
    if not _names(update):
        return Step(made.metrics, made.grads, group.taken)
    at.history.note(dict.fromkeys(_names(update), math.nan) | measured)
    return Step(made.metrics | in_json(measured), made.grads, group.taken)


def _names(update: Update) -> list[str]:
    names = [*update.options.output_losses, *(metric.name for metric in update.options.measured)]
    return names + [PENALTY] * update.penalised


def _group(update: Update, data: Source, at: Standing, known: RunData) -> Group:
    parallel = update.options.parallel
    if parallel is None:
        return WholeGroup(update, data, at, known)
    return ShardedGroup(update, data, at, known, parallel)
