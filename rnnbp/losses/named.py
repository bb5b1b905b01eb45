"""Losses by name, for commands and for errors."""

from __future__ import annotations

from rnnbp.losses.base import Loss
from rnnbp.losses.cross_entropy import CrossEntropy
from rnnbp.losses.elementwise import BinaryCrossEntropy, Huber, MeanAbsoluteError, MeanSquaredError
from rnnbp.nearest import nearest

NAMED: dict[str, type[Loss]] = {
    "mse": MeanSquaredError,
    "cross-entropy": CrossEntropy,
    "mae": MeanAbsoluteError,
    "huber": Huber,
    "binary-cross-entropy": BinaryCrossEntropy,
}

ELSEWHERE: dict[str, str] = {
    "l2": "mse",
    "l1": "mae",
    "crossentropy": "cross-entropy",
    "categorical_crossentropy": "cross-entropy",
    "sparse_categorical_crossentropy": "cross-entropy",
    "nll": "cross-entropy",
    "bce": "binary-cross-entropy",
    "binary_crossentropy": "binary-cross-entropy",
    "smooth_l1": "huber",
    "mean_squared_error": "mse",
    "mean_absolute_error": "mae",
}
"""What other libraries call them."""


def meant(loss: object) -> str:
    """The class of a loss that a text or a class stands for; that of squares where it does not tell."""
    if isinstance(loss, type) and issubclass(loss, Loss):
        return loss.__name__
    names = {**{name: name for name in NAMED}, **ELSEWHERE}
    found = names.get(nearest(loss, names)) if isinstance(loss, str) else None
    return NAMED[found or "mse"].__name__
