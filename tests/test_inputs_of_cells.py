"""Cells of several inputs: the interpreter's gradients, and the compiled runners against it."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rnnbp as rb
from rnnbp.bptt.accumulators import Accumulators
from rnnbp.bptt.late_steps import late_steps
from rnnbp.compiler.passes import RULES
from rnnbp.graph.layout import Layout
from rnnbp.runners.interpreter.program import Interpreter
from rnnbp.runners.numpy.program import Program
from tests.input_cells import CELLS, SHAPES, chained, series, static
from tests.programs import CONTEXT, agree_on, cells, inputs_of, layout_of

SLOW: Any = {"deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}
STEP = 1e-30


def run(cell: rb.Cell, xs: Sequence[np.ndarray], state: Sequence[np.ndarray]) -> np.ndarray:
    """Σ y² / 2 and Σ of the last state, of complex inputs."""
    real = layout_of(cell, xs)
    layout = Layout(cell, real.x_shapes, real.batch, np.dtype(complex))
    y, after = Interpreter(layout).advance(xs, state, CONTEXT, output=True)
    assert y is not None
    total: np.ndarray = (y**2).sum() / 2 + sum(s.sum() for s in after)
    return total


def gradients(cell: rb.Cell, xs: Sequence[np.ndarray], state: Sequence[np.ndarray]) -> list[Any]:
    """The interpreter's, of the same by the inputs, and by the state before."""
    runner = Interpreter(layout_of(cell, xs))
    y, tape = runner.record(xs, state, CONTEXT)
    ones = [np.ones_like(s) for s in state]
    dxs, before = runner.backward(tape, y, ones, Accumulators(rb.Recurrent(cell)))
    return [*dxs, *before]


@pytest.mark.parametrize("length", [1, 6])
@pytest.mark.parametrize("name", CELLS)
def test_gradients_by_each_input_are_those_of_a_complex_step(name: str, length: int) -> None:
    cell, rng = CELLS[name](4), np.random.default_rng(2)
    xs = inputs_of(cell, length, 3)
    state = [rng.normal(size=(3, *shape)) for shape in cell.state_shapes]
    given = [*xs, *state]
    for k, found in enumerate(gradients(cell, xs, state)):
        along = rng.normal(size=given[k].shape)
        moved = [a + STEP * 1j * along if at == k else a + 0j for at, a in enumerate(given)]
        slope = run(cell, moved[: len(xs)], moved[len(xs) :]).imag / STEP
        expected = 0.0 if found is None else float((found * along).sum())
        assert slope == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.quick
def test_inputs_that_nothing_takes_change_no_answer_about_deltas() -> None:
    plain, more = chained(), chained(static(2), series(2, "z"))
    layouts = [
        Layout(
            cell, tuple([s or () for s in cell.input_shapes[: cell.n_inputs]]), 1, np.dtype(float)
        )
        for cell in (plain, more)
    ]
    reached = [{k - layout.cell.n_inputs for k in layout.reached} for layout in layouts]
    assert {k for k in reached[1] if k >= -1} == reached[0]
    for there in itertools.product([False, True], repeat=3):
        assert late_steps(more, there) == late_steps(plain, there)


@pytest.mark.one_in(6, "shape", "name")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", CELLS)
def test_programs_have_the_interpreters_values_and_gradients(
    name: str, shape: tuple[int, int, int]
) -> None:
    length, batch, n = shape
    cell = CELLS[name](n)
    agree_on(rb.Recurrent(cell), inputs_of(cell, length, batch))


@pytest.mark.parametrize("name", ["static_sum", "by_rows"])
def test_numpys_buffers_for_static_inputs_are_counted(name: str) -> None:
    cell, length, batch = CELLS[name](37), 100, 9
    xs = inputs_of(cell, length, batch)
    state = [np.zeros((batch, *shape)) for shape in cell.state_shapes]
    program = Program(layout_of(cell, xs))
    program.prepare(length)
    program.advance(xs, state, CONTEXT, output=True)
    tracemalloc.start()
    try:
        y, _ = program.advance(xs, state, CONTEXT, output=True)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert y is not None
    assert peak - y.nbytes == pytest.approx(program.sizes.advance_bytes(length), abs=4000)


@pytest.mark.one_in(40)
@pytest.mark.parametrize("without", [*((rule,) for rule in RULES), RULES], ids="+".join)
@pytest.mark.parametrize("name", CELLS)
def test_programs_without_each_rule(name: str, without: tuple[str, ...]) -> None:
    cell = CELLS[name](4)
    agree_on(rb.Recurrent(cell), inputs_of(cell, 7, 3), without)


@settings(max_examples=6, **SLOW)
@given(model=cells(more=2), length=st.integers(1, 9), batch=st.integers(1, 4))
def test_programs_of_random_cells(model: rb.Recurrent, length: int, batch: int) -> None:
    agree_on(model, inputs_of(model.cell, length, batch))
