"""Runs of bptt that tests of the engine share."""

from __future__ import annotations

from functools import partial

import numpy as np

import rnnbp as rb
from tests import helpers

CE, MSE = rb.losses.CrossEntropy(), rb.losses.MeanSquaredError()
reals = partial(helpers.reals, seed=8)


def symbols(*shape: int) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 7, shape)
