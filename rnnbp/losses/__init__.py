"""Losses. A loss of your own is any function ``(y, target) -> (value, dy)``; see ``rnnbp.bptt``."""

from rnnbp.losses.base import Loss
from rnnbp.losses.cross_entropy import CrossEntropy
from rnnbp.losses.elementwise import BinaryCrossEntropy, Elementwise, Huber, MeanAbsoluteError, MeanSquaredError

__all__ = [
    "BinaryCrossEntropy",
    "CrossEntropy",
    "Elementwise",
    "Huber",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
]
