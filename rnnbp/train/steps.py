"""One step of a run: an update from a batch, or a validation; and what the run then knows of itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

from rnnbp.numerics import Array, NonFiniteError
from rnnbp.train.metrics import Averages, in_json
from rnnbp.train.run_data import RunData
from rnnbp.train.source import Source, check_known, lost_after
from rnnbp.train.standing import Parts, Standing
from rnnbp.train.updates import DivergedError, Update
from rnnbp.train.validation import validation_loss


def updated(
    update: Update, data: Source, at: Standing, known: RunData, *, skip: bool
) -> tuple[dict[str, Any], Mapping[str, Array] | None]:
    """The metrics of the update from the batch where a run stands, and its gradients, if it has any.

    With ``skip`` a batch that is not finite, or whose loss, gradient or state is not, is left out.
    """
    try:
        batch = data.batch(at.epoch, at.index)
        check_known(batch, at.lost)
        found = Averages(update.options.measured)
        made = update(batch, at.state, at.step, found.see if found.metrics else None)
    except (FloatingPointError, NonFiniteError) as error:
        if not skip or isinstance(error, DivergedError):
            raise
        at.history.note(dict.fromkeys(_names(update), math.nan))
        skipped = {"skipped": at.skip(), "nonfinite": str(error)}
        return {"loss": None, "grad_norm": None, "lr": update.rate(at.step), **skipped}, None
    at.state, at.lost = made.state, lost_after(batch, at.lost, made.lost)
    known.see(data, at.step, at.epoch, at.index, batch)
    at.history.losses.append(made.metrics["loss"])
    at.history.note(dict.fromkeys(_names(update), math.nan) | found.values())
    return made.metrics | in_json(found.values()), made.grads


def _names(update: Update) -> list[str]:
    return [metric.name for metric in update.options.measured]


def validated(update: Update, source: Source, at: Standing, parts: Parts, known: RunData) -> dict[str, Any]:
    """The validation loss, told to the run, and the metrics. Raises FloatingPointError where it is not finite."""
    seen, options, found = partial(known.see_validation, source), update.options, Averages(update.options.measured)
    measured = found.see if found.metrics else None
    value = validation_loss(update.model, source, options.loss, chunk=options.chunk, seen=seen, measured=measured)
    if not math.isfinite(value):
        raise FloatingPointError(f"step {at.step}: the validation loss is {value}; lower the learning rate")
    at.validated(value, parts.params)
    if parts.plateau is not None:
        parts.plateau.update(value)
    metrics = found.values("validation_")
    at.history.note(metrics)
    return {"validation": value, **in_json(metrics)}
