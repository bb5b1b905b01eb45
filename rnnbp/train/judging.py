"""Whether the parameters are the best so far: a validation, or the figures of training."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from rnnbp.losses.as_loss import as_loss
from rnnbp.losses.own import Own
from rnnbp.storage import JSON
from rnnbp.train.averages import Averages, in_json
from rnnbp.train.finiteness import bad_target, silent_target
from rnnbp.train.monitor import HISTORYS, LOSS
from rnnbp.train.output_losses import each_loss
from rnnbp.train.parts import Parts
from rnnbp.train.run_data import RunData
from rnnbp.train.sharded_validation import ShardedValidation
from rnnbp.train.source import Batch, Source, comes_once
from rnnbp.train.sources import epoch_of
from rnnbp.train.standing import Standing
from rnnbp.train.updates import Update
from rnnbp.train.validation import validation_loss


def judged(update: Update, at: Standing, parts: Parts, known: RunData) -> dict[str, JSON]:
    """Validate, keep the parameters if they are the best, and return the figures for the line.

    Raises FloatingPointError for a validation loss that is not finite, ValueError if the direction
    of the monitored figure is unknown.
    """
    source, monitor = update.options.validation, update.options.monitored
    monitor.check()
    found = {} if source is None else _validated(update, source, at, known)
    at.judge(monitor, found, parts.params)
    if source is None:
        return {}
    if parts.plateau is not None:
        parts.plateau.update(found[LOSS])
    metrics = {f"{HISTORYS}{name}": value for name, value in found.items() if name != LOSS}
    at.history.note(metrics)
    return {"validation": found[LOSS], **in_json(metrics)}


def _validated(update: Update, source: Source, at: Standing, known: RunData) -> dict[str, float]:
    """The validation loss and the metrics."""
    seen, options = partial(known.see_validation, source), update.options
    found = Averages(options.measured)
    if options.parallel is not None:
        value = ShardedValidation(update, source, options.parallel, seen).loss(found)
    else:
        value = validation_loss(
            update.model, source, options.loss, chunk=options.chunk, seen=seen, measured=found
        )
    if not math.isfinite(value):
        own = any(isinstance(as_loss(each), Own) for each in each_loss(options.loss))
        why = _first(source, bad_target) or (own and _first(source, silent_target))
        why = why or "lower the learning rate"
        raise FloatingPointError(f"step {at.step}: the validation loss is {value}; {why}")
    return {LOSS: value} | found.values()


def _first(source: Source, wrong: Callable[[Batch], str]) -> str:
    """What is wrong with the first such batch of a source; "" for none, or if it is not known."""
    for index, batch in enumerate(() if comes_once(source) else epoch_of(source)):
        if found := wrong(batch):
            return f"in batch {index} {found}"
    return ""
