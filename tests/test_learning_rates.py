"""Schedules of learning rates: their values, and OnPlateau's state."""

from __future__ import annotations

import json
import math

import pytest

from rnnbp import optim


@pytest.mark.quick
@pytest.mark.parametrize(
    ("schedule", "wanted"),
    [
        (optim.Constant(0.5), {0: 0.5, 10**6: 0.5}),
        (optim.StepDecay(1.0, 3, 0.5), {0: 1.0, 2: 1.0, 3: 0.5, 5: 0.5, 6: 0.25, 30: 2.0**-10}),
        (
            optim.Cosine(1.0, 4),
            {0: 1.0, 1: 0.5 + math.sqrt(0.125), 2: 0.5, 3: 0.5 - math.sqrt(0.125), 4: 0.0, 9: 0.0},
        ),
        (optim.Cosine(1.0, 6, floor=0.2), {0: 1.0, 2: 0.8, 3: 0.6, 4: 0.4, 6: 0.2, 7: 0.2}),
        (optim.WarmUp(optim.Constant(2.0), 4), {0: 0.5, 1: 1.0, 2: 1.5, 3: 2.0, 4: 2.0, 99: 2.0}),
        (
            optim.WarmUp(optim.StepDecay(1.0, 2, 0.5), 4),
            {0: 0.25, 1: 0.5, 2: 0.375, 3: 0.5, 4: 0.25},
        ),
    ],
)
def test_schedules_are_pure_functions_with_these_values(schedule, wanted):
    for step in reversed(wanted):
        assert schedule(step) == pytest.approx(wanted[step], rel=1e-14, abs=1e-16)
    assert [schedule(step) for step in wanted] == [schedule(step) for step in wanted]


@pytest.mark.quick
@pytest.mark.parametrize(
    ("options", "metrics", "wanted"),
    [
        (
            {"patience": 1},
            [3, 2, 2, 2, 2, 2, 1, 1, 1],
            [1, 1, 1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.001],
        ),
        ({"patience": 0, "factor": 0.5, "floor": 0.2}, [1, 1, 1, 1, 1], [1, 0.5, 0.25, 0.2, 0.2]),
        ({"patience": 0, "mode": "max", "factor": 0.5}, [1, 2, 1, 3, 3], [1, 1, 0.5, 0.5, 0.25]),
        (
            {"patience": 0, "cooldown": 2, "factor": 0.5},
            [1, 1, 1, 1, 1, 1],
            [1, 0.5, 0.5, 0.5, 0.25, 0.25],
        ),
        (
            {"patience": 0, "threshold": 0.1, "factor": 0.5},
            [1, 0.95, 0.89, 0.801],
            [1, 0.5, 0.5, 0.25],
        ),
        ({"patience": 0, "threshold": 0.1, "factor": 0.5}, [-1, -1.05, -1.2], [1, 0.5, 0.5]),
    ],
)
def test_on_plateau(options, metrics, wanted):
    plateau = optim.OnPlateau(1.0, **options)
    assert [plateau.update(m) for m in metrics] == pytest.approx(wanted, rel=1e-14)


@pytest.mark.parametrize("k", range(6))
def test_on_plateau_continues_from_json(k):
    metrics = [5.0, 6.0, 4.0, 4.0, 4.0, 4.0, 3.0]
    whole, first = (optim.OnPlateau(1.0, patience=1, cooldown=1) for _ in range(2))
    rates = [whole.update(m) for m in metrics]
    for m in metrics[:k]:
        first.update(m)
    second = optim.OnPlateau(1.0, patience=1, cooldown=1)
    second.load_state_dict(json.loads(json.dumps(first.state_dict(), allow_nan=False)))
    assert [second.update(m) for m in metrics[k:]] == rates[k:]
