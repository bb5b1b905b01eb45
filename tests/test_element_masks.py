"""Masks with a weight for each element, under losses of elements."""

from __future__ import annotations

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import reals


def test_a_mask_of_elements_counts_those_of_weight() -> None:
    x, target = reals(6, 3, 2).astype("f4"), reals(6, 3, 1).astype("f4")
    model = rb.Sequential(rb.RNN(2, 4, rng=0), rb.Dense(4, 1, rng=1))
    known = np.random.default_rng(0).random(target.shape) < 0.5
    loss = rb.losses.MeanSquaredError()
    masked = rb.bptt(model, x, np.where(known, target, np.inf), loss, mask=known)
    left_out = rb.bptt(model, x, np.where(known, target, np.nan), rb.losses.Known(loss))
    assert masked.loss == pytest.approx(left_out.loss, rel=1e-6)
