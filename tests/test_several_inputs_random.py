"""Random models of several inputs: complex steps, schedules, backends, forecasts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp import schedules
from tests.helpers import assert_same_arrays
from tests.several_inputs_random import Drawn
from tests.traced_runs import BACKENDS

MSE = rb.losses.MeanSquaredError()
SCHEDULES: dict[str, Any] = {"sqrt": "sqrt", "none": lambda n: schedules.Revolve(n, 1)}
SEEDS = [pytest.param(seed, marks=[pytest.mark.long] * (seed > 2)) for seed in range(60)]


def arrays(found: rb.Gradients) -> list[np.ndarray]:
    return [*found.grads.values(), *found.dx]


@pytest.mark.parametrize("seed", SEEDS)
def test_random_models(seed: int) -> None:
    case = Drawn(seed)
    rb.check_grads(case.model, case.x, case.target, MSE, chunk=case.chunk, samples=3, seed=seed)
    run = {"chunk": case.chunk, "seed": seed}
    expected = rb.bptt(case.model, case.x, case.target, MSE, backend="interpreter", **run)
    for backend in ["interpreter", *BACKENDS]:
        cached = rb.bptt(case.model, case.x, case.target, MSE, backend=backend, **run)
        for one, other in zip(arrays(cached), arrays(expected), strict=True):
            largest = max(1, np.abs(other).max(initial=0))
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-11 * largest)
        for schedule in SCHEDULES.values():
            how = {"backend": backend, "checkpoint": schedule, "chunk": case.chunk}
            found = rb.bptt(case.model, case.x, case.target, MSE, seed=seed, **how)
            assert_same_arrays(arrays(found), arrays(cached))
            shapes = tuple((n,) for n in case.sizes)
            sized = {"steps": case.steps, "batch": case.batch, "x_shape": shapes}
            told = rb.forecast(case.model, MSE, **sized, **how)
            assert told.peak_bytes_by_kind == found.stats.peak_bytes_by_kind
