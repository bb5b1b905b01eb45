"""Random cells with parameter values, static inputs and random layers: backends, schedules, bytes."""

from __future__ import annotations

import warnings
from itertools import count
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp import schedules
from tests.generator.cells import CellMaker
from tests.generator.draws import Seeded
from tests.helpers import assert_same_named
from tests.traced_runs import BACKENDS

MSE = rb.losses.MeanSquaredError()
MANY = [pytest.param(k, marks=[pytest.mark.long] * (k > 3)) for k in range(60)]


def cell_of(draw: Seeded, sizes: tuple[int, ...]) -> rb.Cell:
    more, own = draw.integer(0, 2), draw.chance(0.2)
    return CellMaker(draw, sizes, own=own, more=more, parameters=True).cell(tame=True)


def case(number: int, sizes: tuple[int, ...] = (1, 2, 3, 5)) -> tuple[Any, Any, Any]:
    """(model, inputs, target) of a number: of its first cell with parameters."""
    drawn = (Seeded(11, k) for k in count(number, 1000))
    draw, cell = next((d, c) for d in drawn if (c := cell_of(d, sizes)).params)
    steps, batch, rng = draw.integer(1, 9), draw.integer(1, 4), np.random.default_rng(number)
    pers = cell.pers[: cell.n_inputs]
    lead = {"step": (steps, batch), "sequence": (batch,)}
    shapes = zip(pers, cell.input_shapes, strict=False)
    xs = tuple([rng.normal(size=(*lead[per], *(shape or ()))) for per, shape in shapes])
    model, x = rb.Recurrent(cell), xs if len(xs) > 1 else xs[0]
    return model, x, rng.normal(size=rb.predict(model, x)[0].shape)


def run(model: Any, x: Any, target: Any, **options: Any) -> rb.Gradients:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return rb.bptt(model, x, target, MSE, seed=5, **{"chunk": 3, **options})


@pytest.mark.long
@pytest.mark.parametrize("number", MANY)
def test_backends_agree(number: int) -> None:
    model, x, target = case(number)
    expected = run(model, x, target, backend="interpreter")
    for backend in BACKENDS:
        found = run(model, x, target, backend=backend)
        assert found.loss == pytest.approx(expected.loss, rel=1e-10)
        for path, grad in expected.grads.items():
            scale = max(1.0, np.abs(grad).max(initial=0))
            np.testing.assert_allclose(found.grads[path], grad, rtol=0, atol=1e-9 * scale)


@pytest.mark.parametrize("number", MANY[:40:4])
def test_bits_are_the_same_under_every_schedule(number: int) -> None:
    model, x, target = case(number)
    cached = run(model, x, target)
    again = run(model, x, target, checkpoint=lambda n: schedules.Revolve(n, 1))
    assert again.loss == cached.loss
    assert_same_named(again.grads, cached.grads)


@pytest.mark.parametrize("number", MANY[1:40:4])
def test_forecasts_are_what_runs_hold(number: int) -> None:
    model, x, target = case(number, (3, 40))
    found = run(model, x, target).stats
    several = x if isinstance(x, tuple) else (x,)
    pers = model.cell.pers
    shapes = tuple([a.shape[1 + (per == "step") :] for a, per in zip(several, pers, strict=False)])
    steps, batch = target.shape[:2]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = rb.forecast(
            model,
            MSE,
            steps=steps,
            batch=batch,
            x_shape=shapes if len(shapes) > 1 else shapes[0],
            chunk=3,
        )
    assert expected.peak_bytes_by_kind == found.peak_bytes_by_kind
