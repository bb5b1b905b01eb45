"""Training in one call."""

from __future__ import annotations

from typing import Any

from rnnbp.bptt.objective import LossLike
from rnnbp.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSProp
from rnnbp.train.history import History
from rnnbp.train.loop import Trainer
from rnnbp.train.sources import SourceLike

OPTIMIZERS: dict[str, type[Optimizer]] = {rule.kind: rule for rule in (SGD, Adagrad, RMSProp, Adam, AdamW)}


def fit(
    model: Any,
    data: SourceLike,
    loss: LossLike,
    optimizer: Optimizer | str = "adam",
    *,
    lr: float | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    max_seconds: float | None = None,
    **options: Any,
) -> History:
    """Train a model: ``Trainer(model, optimizer, loss, **options).fit(data, ...)``.

    ``data`` is a source, as ``Sequences``, or an iterable of (x, target) or (x, target, mask), time-first as
    ``bptt`` takes them; ``Batches`` is for batch-first ones.

    ``optimizer`` may be a name, "sgd", "adagrad", "rmsprop", "adam" or "adamw", with its learning
    rate ``lr``. Raises as Trainer does.
    """
    if isinstance(optimizer, str):
        if optimizer not in OPTIMIZERS:
            raise ValueError(f"fit: optimizer is one of {', '.join(map(repr, OPTIMIZERS))}, found {optimizer!r}")
        optimizer = OPTIMIZERS[optimizer](model, **({} if lr is None else {"learning_rate": lr}))  # type: ignore[arg-type]  # the dict has the rate alone
    elif lr is not None:
        raise ValueError("fit: lr goes with the name of an optimizer; set it in the one that you give")
    return Trainer(model, optimizer, loss, **options).fit(data, epochs=epochs, steps=steps, max_seconds=max_seconds)
