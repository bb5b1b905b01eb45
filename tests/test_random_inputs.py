"""Random cells of several inputs as whole models: backends, schedules, bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.generator.cells import CellMaker
from tests.generator.draws import Seeded
from tests.helpers import assert_same_arrays
from tests.programs import half_square, inputs_of
from tests.traced_runs import BACKENDS

SHORT, LONG = range(1), range(1, 60)
NUMBERS = [*SHORT, *(pytest.param(number, marks=pytest.mark.long) for number in LONG)]


def drawn(number: int) -> tuple[rb.Graph, rb.Cell, tuple[Any, ...], dict[str, Any]]:
    """A model of a cell and a head, the cell, its inputs, and options of its runs.

    Every third has cells wider than a panel.
    """
    draw = Seeded(11, number)
    sizes = (17, 40, 70) if number % 3 == 2 else (2, 3, 4)
    maker = CellMaker(draw, sizes, more=1 + number % 3, own=number % 5 == 4)
    cell = maker.cell(tame=True)
    kinds = list(zip(cell.input_shapes, cell.pers, strict=True))[: cell.n_inputs]
    inputs = [rb.Input(shape, per=per) for shape, per in kinds]
    y = rb.Recurrent(cell)(*inputs)
    model = rb.Graph(inputs, rb.Dense(y.shape[0], 2, dtype="float64", rng=0)(y))
    length, batch = draw.integer(3, 20), draw.pick([1, 2, 3, 9])
    return model, cell, tuple(inputs_of(cell, length, batch)), {"chunk": draw.integer(1, 6)}


def bits_of(found: rb.Gradients) -> list[Any]:
    """Loss, gradients and deltas of the inputs."""
    return [found.loss, *found.grads.values(), *(found.dx or ())]


@pytest.mark.long
@pytest.mark.parametrize("number", NUMBERS)
def test_backends_and_schedules_agree(number: int) -> None:
    model, _, xs, run = drawn(number)
    plain = rb.bptt(model, xs, None, half_square, backend="interpreter", **run)
    for backend in BACKENDS:
        found = rb.bptt(model, xs, None, half_square, backend=backend, **run)
        for a, b in zip(bits_of(found), bits_of(plain), strict=True):
            largest = max(1.0, float(np.abs(b).max(initial=0)))
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-11 * largest)
        for schedule in (rb.schedules.Revolve(slots=2), rb.schedules.EveryK(k=2, tier="disk")):
            again = rb.bptt(
                model, xs, None, half_square, backend=backend, checkpoint=schedule, **run
            )
            assert_same_arrays(bits_of(again), bits_of(found))


@pytest.mark.parametrize("backend", ["interpreter", *BACKENDS])
@pytest.mark.parametrize("number", NUMBERS)
def test_forecasts_are_what_happens(number: int, backend: str) -> None:
    model, cell, xs, run = drawn(number)
    run |= {"backend": backend, "checkpoint": rb.schedules.Revolve(slots=2)}
    stats = rb.bptt(model, xs, None, half_square, **run).stats
    steps, batch = xs[cell.pers.index("step")].shape[:2]
    shapes = tuple(
        [x.shape[2 if per == "step" else 1 :] for x, per in zip(xs, cell.pers, strict=False)]
    )
    told = rb.forecast(model, half_square, steps=steps, batch=batch, x_shape=shapes, **run)
    assert told.peak_bytes_by_kind == stats.peak_bytes_by_kind
