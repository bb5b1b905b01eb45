"""Softmax over the last axis, and its logarithm."""

from __future__ import annotations

from typing import final

import numpy as np

from rnnbp.layers.pointwise import Activation
from rnnbp.numerics import Array, Saved, log_sum_exp


@final
class Softmax(Activation):
    """y = eˣ / Σ eˣ over the last axis. Keeps its output. Before a cross-entropy use losses.CrossEntropy alone."""

    def forward(self, x: Array) -> tuple[Array, Saved]:
        y: Array = np.exp(x - log_sum_exp(x))
        return y, (y,)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        (y,) = saved
        return (y * (dy - (dy * y).sum(axis=-1, keepdims=True)),)


@final
class LogSoftmax(Activation):
    """y = x − log Σ eˣ over the last axis. Keeps its output."""

    def forward(self, x: Array) -> tuple[Array, Saved]:
        y = x - log_sum_exp(x)
        return y, (y,)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        return (dy - np.exp(saved[0]) * dy.sum(axis=-1, keepdims=True),)
