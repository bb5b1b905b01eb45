"""The engine: the same bits under every schedule, or to rounding from thin tapes."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.actions import Advance, Backward, Drop, Load, Record, Store
from tests import models
from tests.bptt_runs import CE, MSE, reals, symbols
from tests.helpers import assert_close, assert_same_bits


def own_schedule(chunks: int) -> list[Any]:
    """Recompute everything from the start for each chunk: the least memory, the most steps."""
    actions: list[Any] = [Store(0)]
    for last in reversed(range(chunks)):
        actions += [Load(0), *(Advance(n) for n in range(last)), Record(last), Backward(last)]
    return [*actions, Drop(0)]


REPLAYING: dict[str, Any] = {
    "revolve": lambda n: rb.schedules.Revolve(n, 3),
    "HSM": lambda n: rb.schedules.HSM(n, 2),
    "ISM": lambda n: rb.schedules.ISM(n, 2),
    "MSM": lambda n: rb.schedules.MSM(n, 6, 3),
    "two-table optimum": lambda n: rb.schedules.Optimal(n, 6, 3),
    "multistage": lambda n: rb.schedules.Multistage(n, 1, 2),
    "disk-revolve": lambda n: rb.schedules.DiskRevolve(n, 2, 1.0, 1.0),
    "online": lambda n: rb.schedules.Online(3)(n),
}

SCHEDULES: dict[str, Any] = {
    **REPLAYING,
    "sqrt": "sqrt",
    **{f"every {k}": partial(rb.schedules.EveryK, k=k) for k in (1, 2, 3, 5, 100)},
    "a person's own": own_schedule,
}


@pytest.mark.quick
@pytest.mark.one_in(6)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_schedule_gives_the_same_bits_with_dropout(schedule: str, dtype: str) -> None:
    model, x, target = models.stack(dtype), symbols(23, 4), symbols(23, 4)[::-1]
    cached = rb.bptt(model, x, target, CE, chunk=3, seed=5)
    found = rb.bptt(model, x, target, CE, chunk=3, seed=5, checkpoint=SCHEDULES[schedule])
    assert_same_bits(found, cached)
    assert not np.array_equal(
        cached.grads["5.weight"], rb.bptt(model, x, target, CE, chunk=3, seed=6).grads["5.weight"]
    )


@pytest.mark.one_in(8)
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("cell", models.CELLS)
def test_every_cell_gives_the_same_bits(cell: str, schedule: str) -> None:
    model, x, dy = models.CELLS[cell](3, 4, "float32"), reals(11, 2, 3), reals(11, 2, 4)
    given = partial(rb.bptt, model, x, dy, lambda y, dy: (0.0, dy), chunk=2)
    assert_same_bits(given(checkpoint=SCHEDULES[schedule]), given())


@pytest.mark.parametrize("backend", ["interpreter", "numpy", "llvm"])
def test_a_learned_state_gives_the_same_bits_with_every_schedule(backend: str) -> None:
    """One array for the whole batch would be multiplied by other routines than its copies."""
    model = rb.RNN(5, 37, rng=2, initial="learned")
    for start in model.initial.values():
        start[...] = reals(37)
    given = partial(
        rb.bptt, model, reals(11, 24, 5), reals(11, 24, 37), MSE, chunk=2, backend=backend
    )
    cached = given()
    for schedule in SCHEDULES.values():
        assert_same_bits(given(checkpoint=schedule), cached)


@pytest.mark.parametrize("schedule", ["residual", "convolution"])
def test_graphs_give_the_same_bits(schedule: str) -> None:
    model, x = (
        (models.residual(), reals(9, 2, 3))
        if schedule == "residual"
        else (models.conv_stack(), reals(9, 2, 1, 12))
    )
    target = reals(9, 2, model.output_shapes(x.shape[2:])[0][0])
    assert_same_bits(
        rb.bptt(model, x, target, MSE, chunk=2, checkpoint="sqrt"),
        rb.bptt(model, x, target, MSE, chunk=2),
    )


@pytest.mark.long
@pytest.mark.one_in(6)
@pytest.mark.parametrize("steps", [1, 2, 3, 22, 23, 24])
@pytest.mark.parametrize("schedule", ["all", *SCHEDULES])
def test_statistics_equal_the_simulation(schedule: str, steps: int) -> None:
    checkpoint = SCHEDULES.get(schedule, "all")
    found = rb.bptt(
        models.stack(), symbols(steps, 2), symbols(steps, 2), CE, chunk=3, checkpoint=checkpoint
    ).stats
    expected = rb.simulate(checkpoint, steps=steps, chunk=3)
    assert {name: getattr(found, name) for name in vars(expected)} == vars(expected)


THIN: dict[str, Any] = {
    "all states": lambda n: rb.schedules.ThinTapes(n),
    "states of a segment": lambda n: rb.schedules.ThinTapes(n, 3),
    "optimum of thin tapes": lambda n: list(rb.schedules.thin(rb.schedules.Optimal(n, 6, 3))),
}


@pytest.mark.long
@pytest.mark.one_in(8)
@pytest.mark.parametrize("schedule", THIN)
@pytest.mark.parametrize("cell", models.CELLS)
def test_rebuilt_tapes_agree_to_rounding(cell: str, schedule: str) -> None:
    model, x, dy = models.CELLS[cell](3, 4, "float64"), reals(17, 2, 3), reals(17, 2, 4)
    given = partial(rb.bptt, model, x, dy, lambda y, dy: (float((y * dy).sum()), dy), chunk=2)
    found, cached = given(checkpoint=THIN[schedule]), given()
    assert found.stats.steps_rebuilt > 0
    assert_close(found, cached)
    np.testing.assert_allclose(found.dx, cached.dx, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("schedule", THIN)
def test_rebuilt_tapes_of_a_stack_with_dropout(schedule: str) -> None:
    model, x, target = models.stack("float64"), symbols(23, 4), symbols(23, 4)[::-1]
    given = partial(rb.bptt, model, x, target, CE, chunk=3, seed=5)
    assert_close(given(checkpoint=THIN[schedule]), given())


@pytest.mark.parametrize("schedule", THIN)
def test_statistics_of_rebuilt_tapes_equal_the_simulation(schedule: str) -> None:
    found = rb.bptt(
        models.stack(), symbols(23, 2), symbols(23, 2), CE, chunk=3, checkpoint=THIN[schedule]
    ).stats
    expected = rb.simulate(THIN[schedule], steps=23, chunk=3)
    assert {name: getattr(found, name) for name in vars(expected)} == vars(expected)
