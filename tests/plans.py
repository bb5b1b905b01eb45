"""Models, costs and budgets that the tests of planning share."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.planning.costs import Costs
from tests import models
from tests.helpers import reals

MSE, CE = rb.losses.MeanSquaredError(), rb.losses.CrossEntropy()
STEP = {"Advance": 1.0, "Keep": 1.1, "Record": 1.2, "Rebuild": 0.7, "Backward": 2.0}
COSTS = Costs(dict.fromkeys(STEP, 0.5), STEP)
T, B = 96, 4


real = partial(reals, dtype=np.float32)


def lstm() -> tuple[Any, ...]:
    """(model, x, target, loss)."""
    return rb.LSTM(8, 32, rng=0), real(T, B, 8), real(T, B, 32), MSE


def stack() -> tuple[Any, ...]:
    """(model, x, target, loss): several layers, symbols."""
    rng = np.random.default_rng(0)
    return models.stack(), rng.integers(0, 7, (T, B)), rng.integers(0, 7, (T, B)), CE


def planned(case: tuple[Any, ...], budget: int | str) -> rb.Plan:
    """The plan for a case under a budget, with ``COSTS``."""
    model, x, _, loss = case
    return rb.plan(model, loss, steps=T, batch=B, budget=budget, x_shape=x.shape[2:], costs=COSTS)


def least_of(case: tuple[Any, ...]) -> int:
    """The least budget that works, as the error for one that is too small says."""
    with pytest.raises(
        rb.BudgetError, match=r"too small for any schedule; .* bytes are enough"
    ) as caught:
        planned(case, 1000)
    assert caught.value.least is not None
    assert f"; {caught.value.least:,} bytes are enough" in str(caught.value)
    return caught.value.least


def spread(least: int, most: int, count: int) -> list[int]:
    """Budgets in equal ratios."""
    return [int(n) for n in np.ceil(np.geomspace(least, most, count))]
