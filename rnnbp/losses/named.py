"""Losses by name, for commands and for errors."""

from __future__ import annotations

from rnnbp.losses.base import Loss
from rnnbp.losses.binary_cross_entropy import BinaryCrossEntropy
from rnnbp.losses.cross_entropy import CrossEntropy
from rnnbp.losses.regression import Huber, MeanAbsoluteError
from rnnbp.losses.squared import MeanSquaredError
from rnnbp.support.nearest import nearest
from rnnbp.wording.other_losses import OURS

NAMED: dict[str, type[Loss]] = {
    "mse": MeanSquaredError,
    "cross-entropy": CrossEntropy,
    "mae": MeanAbsoluteError,
    "huber": Huber,
    "binary-cross-entropy": BinaryCrossEntropy,
}


def meant(loss: object) -> str:
    """The class of a loss that a text or a class stands for; of squares where it does not tell."""
    if isinstance(loss, type) and issubclass(loss, Loss):
        return loss.__name__
    names = {other: own for own, others in OURS.items() for other in others.split()}
    names |= {name: kind.__name__ for name, kind in NAMED.items()}
    found = names.get(nearest(loss, names)) if isinstance(loss, str) else None
    return found or MeanSquaredError.__name__
