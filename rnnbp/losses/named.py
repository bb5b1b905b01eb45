"""Losses by name, for commands and for errors."""

from __future__ import annotations

from rnnbp.losses.base import Loss
from rnnbp.losses.cross_entropy import CrossEntropy
from rnnbp.losses.elementwise import BinaryCrossEntropy, Huber, MeanAbsoluteError, MeanSquaredError

NAMED: dict[str, type[Loss]] = {
    "mse": MeanSquaredError,
    "cross-entropy": CrossEntropy,
    "mae": MeanAbsoluteError,
    "huber": Huber,
    "binary-cross-entropy": BinaryCrossEntropy,
}
