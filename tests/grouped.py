"""A model, data and a step of training, for the tests of optimisers' groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import rnnbp as rb

LOSS = rb.losses.MeanSquaredError()
X = np.random.default_rng(0).normal(size=(5, 2, 3)).astype(np.float32)
TARGET = np.random.default_rng(1).normal(size=(5, 2, 2)).astype(np.float32)


def model() -> rb.Sequential:
    """An LSTM and a head."""
    return rb.Sequential(rb.LSTM(3, 4, rng=0), rb.Dense(4, 2, rng=1))


def gradients(net: rb.Sequential) -> dict[str, np.ndarray]:
    """Those of the data under the present parameters."""
    return rb.bptt(net, X, TARGET, LOSS).grads


def updated(
    net: rb.Sequential,
    rule: rb.optim.Optimizer,
    steps: int = 4,
    rates: Sequence[float | None] = (None,) * 4,
) -> dict[str, np.ndarray]:
    """The parameters after some steps of an optimiser."""
    for _, rate in zip(range(steps), rates, strict=False):
        rule.step(gradients(net), rate)
    return net.params.copy()
