"""Training in one call."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from rnnbp.bptt.networks import LossesLike
from rnnbp.inputs.given import ModelLike
from rnnbp.numerics import flag, shown
from rnnbp.optim import Optimizer
from rnnbp.optim.named import OPTIMIZERS
from rnnbp.support.callers import outside
from rnnbp.train.caller import FIT
from rnnbp.train.history import History
from rnnbp.train.loop import Trainer
from rnnbp.train.named_optimizers import built_for_fit
from rnnbp.train.options import Rate
from rnnbp.train.sources import SourceLike, as_source
from rnnbp.train.watched_rate import warn_of_two, warn_of_warm_up
from rnnbp.wording.arguments import takes
from rnnbp.wording.signatures import parameters_of


@takes(
    *parameters_of(Trainer),
    *(name for rule in OPTIMIZERS.values() for name in parameters_of(rule)[2:]),
)
def fit(
    model: ModelLike,
    data: SourceLike,
    loss: LossesLike,
    optimizer: Optimizer | str = "adam",
    *,
    learning_rate: Rate = None,
    lr: float | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    max_seconds: float | None = None,
    resume: bool = False,
    override: Sequence[str] = (),
    **options: Any,  # of many types, which Trainer and the optimizer check
) -> History:
    """Train a model: ``Trainer(model, optimizer, loss, **options).fit(data, ...)``.

    Args:
        model: as ``bptt`` takes it; its parameters are updated in place.
        data: a source, as ``Sequences``, or an iterable of (x, target) or (x, target, mask),
            time-first as ``bptt`` takes them; ``Batches`` is for batch-first ones.
        loss: one of rnnbp.losses, or a function ``(y, target) -> (value, dy)``, as ``bptt`` takes
            it; penalties on parameters are added to it, as ``loss + rb.losses.L2(1e-4)``.
        optimizer: one of rnnbp.optim, or a name: "sgd", "adagrad", "rmsprop", "adam", "adamw".
        learning_rate: a number, a schedule, an OnPlateau or a function of the step; by default the
            optimiser's own.
        epochs, steps, max_seconds: how long, as ``Trainer.fit`` takes them.
        resume: True continues from the snapshot in ``folder``, if there is one yet, as
            ``Trainer.resume(missing_ok=True)``: a script that was killed can be started again
            unchanged.
        override: with ``resume``, what differs on purpose, as ``Trainer.resume`` takes it.
        options: those of a Trainer, and with the name of an optimiser its own, as ``weight_decay``,
            ``groups`` and ``frozen``.
        lr: the old name of a ``learning_rate`` that is a number.

    Returns:
        The ``History`` of the run.

    Raises as Trainer does.

    >>> import numpy as np, rnnbp as rb
    >>> x = np.linspace(0, 1, 40, dtype=np.float32).reshape(8, 5, 1)
    >>> model, data = rb.Sequential(rb.RNN(1, 4), rb.Dense(4, 1)), rb.Sequences(x, x, batch_size=2)
    >>> loss = rb.losses.MeanSquaredError()
    >>> rb.fit(model, data, loss, "adam", learning_rate=1e-2, epochs=2).steps
    8
    """
    _refuse_arrays(loss)
    optimizer = built_for_fit(model, optimizer, lr, options)
    _warn_of_lr(lr)
    warn_of_two(optimizer, learning_rate)
    trainer = Trainer(model, optimizer, loss, learning_rate=learning_rate, **options)
    # so that errors do not advise to use a Trainer that the user does not have
    trainer._training.caller = FIT
    _resume(trainer, override, data, wanted=flag("fit: resume", resume))
    history = trainer.fit(data, epochs=epochs, steps=steps, max_seconds=max_seconds)
    warn_of_warm_up(trainer.optimizer, trainer._training.options, history)
    return history


def _refuse_arrays(loss: object) -> None:
    """Raise TypeError for an array in the place of the loss: ``fit(model, x, target, loss)``."""
    first = loss[0] if isinstance(loss, list | tuple) and loss else loss
    numbers = isinstance(loss, list) and isinstance(first, list | int | float)
    if hasattr(loss, "shape") or hasattr(first, "shape") or numbers:
        raise TypeError(
            f"fit: loss is {shown(loss)}, as if x and target were given; fit takes them as one "
            f"source: fit(model, Sequences(x, target, batch_size=32), loss)"
        )


def _warn_of_lr(lr: float | None) -> None:
    """Warn of the old name of the learning rate, if it was used."""
    if lr is not None:
        value = lr if isinstance(lr, int | float) else "..."
        text = f"fit: lr is called learning_rate now; write learning_rate={value}"
        warnings.warn(text, DeprecationWarning, outside())


def _resume(trainer: Trainer, override: Sequence[str], data: SourceLike, *, wanted: bool) -> None:
    """Resume from the trainer's folder if that is wanted. Raises ValueError if it has none."""
    if wanted:
        if trainer.folder.path is None:
            raise ValueError("fit: resume=True goes on from the snapshot in a folder; give folder=")
        source = as_source("fit: data", data)
        trainer._training.resume(None, override, missing_ok=True, data=source)
    elif override:
        raise ValueError(
            "fit: override says what differs in a run that is resumed; give resume=True too"
        )
