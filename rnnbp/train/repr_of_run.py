"""A Trainer in a few lines."""

from __future__ import annotations

from dataclasses import fields

from rnnbp.losses import Loss
from rnnbp.losses.penalised import Penalised
from rnnbp.runners.backend import as_backend
from rnnbp.support import reprs
from rnnbp.train.options import Options
from rnnbp.train.standing import Standing
from rnnbp.train.training import Training

ROWS = ("loss", "validation")
"""Options that have a line of their own."""


def shown_run(trainer: object, run: Training) -> str:
    """The lines of a Trainer's repr: the progress of its run, and its options."""
    model, options = run.update.model, run.options
    parameters = sum(p.size for p in model.params.values())
    return reprs.titled(
        trainer,
        _place(run.at),
        model=f"{reprs.counted(parameters, 'parameter')}, {model!r}",
        optimizer=repr(run.update.optimizer),
        loss=reprs.first_line(options.loss)
        if isinstance(options.loss, Loss | Penalised)
        else reprs.kind_text(options.loss),
        validation="" if options.validation is None else reprs.first_line(options.validation),
        options=_changed(options),
        rounding=_rounding(run),
        folder="" if run.folder.path is None else str(run.folder.path),
    )


def _rounding(run: Training) -> str:
    """What is not exact of its next steps."""
    with run.update.rounding.held():
        return as_backend(None).rounding


def _place(at: Standing) -> str:
    """The place in the run; epochs are counted from 1, as in ``fit``."""
    done = f"{reprs.counted(at.step, 'step')} done"
    if at.index:
        return f"{done}, in epoch {at.epoch + 1:,} ({at.epoch:,} done)"
    return f"{done}, {reprs.counted(at.epoch, 'epoch')}"


def _changed(options: Options) -> str:
    """The options that differ from a Trainer's defaults."""
    changed = {
        each.name: value
        for each in fields(options)
        if each.name not in ROWS and not _equal(value := getattr(options, each.name), each.default)
    }
    return ", ".join(f"{name}={_value(value)}" for name, value in changed.items())


def _equal(value: object, default: object) -> bool:
    return value is default or (type(value) is type(default) and bool(value == default))


def _value(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, value))}]"
    return str(getattr(value, "__name__", "")) or reprs.first_line(value)
