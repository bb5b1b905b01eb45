"""What a Trainer shows of itself."""

from __future__ import annotations

from rnnbp import reprs
from rnnbp.losses import Loss
from rnnbp.train.training import Training


def shown_run(trainer: object, run: Training) -> str:
    """The lines of a Trainer's repr."""
    where = "no folder" if run.folder.path is None else str(run.folder.path)
    model, options, at = run.update.model, run.options, run.at
    parameters = sum(p.size for p in model.params.values())
    return reprs.titled(
        trainer,
        f"{reprs.counted(at.step, 'step')} done, {reprs.counted(at.epoch, 'epoch')}",
        model=f"{reprs.counted(parameters, 'parameter')}, {model!r}",
        optimizer=repr(run.update.optimizer),
        loss=reprs.first_line(options.loss) if isinstance(options.loss, Loss) else reprs.kind_text(options.loss),
        validation="" if options.validation is None else reprs.first_line(options.validation),
        folder=where,
    )
