"""The identity of a run, from its update."""

from __future__ import annotations

from rnnbp.train.identity import (
    Identity,
    described,
    of_chunks,
    of_optimizer,
    of_rate,
    of_settings,
    of_surroundings,
)
from rnnbp.train.source import fingerprint
from rnnbp.train.updates import Update
from rnnbp.train.wiring import of_model


def identity_of(update: Update) -> Identity:
    """All that decides the numbers of a run, except parameters, data and what changes with them."""
    options = update.options
    named = {
        "validate_every": options.validate_every,
        "patience": options.patience,
        "on_nonfinite": options.on_nonfinite,
        "accumulate": options.accumulate,
        "parallel": None if options.parallel is None else f"{options.parallel.shards} shards",
        "validation": None if options.validation is None else fingerprint(options.validation),
    }
    return _of_update(update) | of_settings(named) | {"monitor": options.monitored.lines()}


def _of_update(update: Update) -> Identity:
    options, optimizer = update.options, update.optimizer
    known = {f"parameter {name}": array for name, array in update.model.params.items()}
    found: Identity = {
        "model": of_model(update.model),
        "loss": described("loss", options.loss, known),
        "clip_norm": described("clip_norm", options.clip_norm),
        "clip_value": described("clip_value", options.clip_value),
        "seed": described("seed", update.seed),
        "optimizer": of_optimizer(optimizer),
        "learning_rate": of_rate(options.learning_rate, optimizer),
    }
    with update.rounding.held():
        surroundings = of_surroundings()
    return found | of_chunks(options.checkpoint, options.chunk) | surroundings
