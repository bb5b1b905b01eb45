"""Machine code of cells of several inputs: against the interpreter, and in several threads."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if not find_spec("llvmlite"):
    pytest.skip("needs llvmlite", allow_module_level=True)


import rnnbp as rb
from rnnbp.bptt.accumulators import Accumulators
from rnnbp.compiler.passes import RULES
from rnnbp.graph.layout import Layout
from rnnbp.numerics import Array
from rnnbp.runners.llvm.factory import KernelFactory
from rnnbp.runners.numpy.program import Program
from rnnbp.runners.workspace import Workspace
from tests.generator.cells import CellMaker
from tests.generator.draws import Seeded
from tests.input_cells import CELLS, SHAPES
from tests.programs import CONTEXT, agree_on, cells, inputs_of, layout_of

SLOW: Any = {"deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}


def kernels(layout: Layout, without: frozenset[str], threads: int = 1) -> Any:
    """The kernels of a cell."""
    runner = KernelFactory(Workspace(threads=threads), without).runner(layout, None)
    assert runner is not None
    return runner


def all_of(cell: rb.Cell, runner: Any, xs: Sequence[Array], state: Sequence[Array]) -> list[Any]:
    """What a runner returns of a chunk, forward and backward."""
    y, tape = runner.record(xs, state, CONTEXT)
    _, after = runner.advance(xs, state, CONTEXT, output=True)
    grads = Accumulators(rb.Recurrent(cell))
    dxs, before = runner.backward(tape, y, [np.ones_like(s) for s in state], grads)
    return [y, *after, *(dx for dx in dxs if dx is not None), *before, *grads.grads.values()]


@pytest.mark.one_in(15, "shape", "name")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", CELLS)
def test_kernels_have_the_interpreters_values_and_gradients(
    name: str, shape: tuple[int, int, int]
) -> None:
    length, batch, n = shape
    cell = CELLS[name](n)
    agree_on(rb.Recurrent(cell), inputs_of(cell, length, batch), (), kernels)


@pytest.mark.long
@pytest.mark.one_in(90)
@pytest.mark.parametrize("without", [*((rule,) for rule in RULES), RULES], ids="+".join)
@pytest.mark.parametrize("name", CELLS)
def test_kernels_without_each_rule(name: str, without: tuple[str, ...]) -> None:
    cell = CELLS[name](4)
    agree_on(rb.Recurrent(cell), inputs_of(cell, 7, 3), without, kernels)


@settings(max_examples=2, **SLOW)
@given(model=cells(more=2), length=st.integers(1, 9), batch=st.integers(1, 4))
def test_kernels_of_random_cells(model: rb.Recurrent, length: int, batch: int) -> None:
    layout = layout_of(model.cell, inputs_of(model.cell, length, batch))
    runner = KernelFactory(Workspace(), frozenset()).runner(layout, None)
    make = kernels if runner is not None else lambda layout, without: Program(layout)
    agree_on(model, inputs_of(model.cell, length, batch), (), make)


@pytest.mark.one_in(3, "units", "name")
@pytest.mark.parametrize("units", [False, True], ids=["rows", "units"])
@pytest.mark.parametrize("name", ["static_in_gates", "one_product", "two_series"])
def test_bits_do_not_depend_on_threads(
    name: str, units: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnnbp.runners.llvm.sharing.WAKING", 1)
    monkeypatch.setattr("rnnbp.runners.llvm.sharing.READING", 1 if units else 2**40)
    cell, rng = CELLS[name](33), np.random.default_rng(0)
    xs = inputs_of(cell, 40, 5)
    state = [rng.normal(size=(5, *shape)) for shape in cell.state_shapes]
    layout = layout_of(cell, xs)
    first, *others = [
        all_of(cell, kernels(layout, frozenset(), n), xs, state) for n in (1, 2, 3, 7)
    ]
    for other in others:
        assert [part.tobytes() for part in other] == [part.tobytes() for part in first]


@pytest.mark.parametrize("name", ["static_term", "one_product"])
def test_chunks_advanced_by_one_call_are_those_of_one_after_the_other(name: str) -> None:
    cell, rng = CELLS[name](5), np.random.default_rng(0)
    xs = inputs_of(cell, 10, 3)
    state = [rng.normal(size=(3, *shape)) for shape in cell.state_shapes]
    layout = layout_of(cell, xs)
    runner = kernels(layout, frozenset())
    found = runner.advance_all(xs, 4, (True, False, True), state)
    first, last = (
        runner.advance(layout.cut(xs, slice(n)), state, CONTEXT, output=False)[1] for n in (4, 10)
    )
    assert found[1] == ()
    for a, b in zip((*found[0], *found[2]), (*first, *last), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.long
@pytest.mark.one_in(9)
@pytest.mark.parametrize("name", CELLS)
def test_float32_is_as_near_as_it_can_be(name: str) -> None:
    cell, rng = rb.Recurrent(CELLS[name](6)).cell, np.random.default_rng(0)
    for layer in cell.layers:
        layer.params = {key: p.astype("float32") for key, p in layer.params.items()}  # type: ignore[union-attr]
    xs = inputs_of(cell, 20, 3, "float32")
    state = [rng.normal(size=(3, *shape)).astype("float32") for shape in cell.state_shapes]
    runners = kernels(layout_of(cell, xs), frozenset()), Program(layout_of(cell, xs))
    for a, b in zip(*(all_of(cell, runner, xs, state) for runner in runners), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=2e-5 * max(1.0, np.abs(b).max()))


@pytest.mark.long
@pytest.mark.parametrize("number", range(40))
def test_kernels_of_random_cells_wider_than_a_panel(number: int) -> None:
    draw = Seeded(7, number)
    model = rb.Recurrent(CellMaker(draw, (17, 40, 70), more=1 + number % 3).cell())
    xs = inputs_of(model.cell, draw.pick([1, 5, 40]), draw.pick([1, 2, 9]))
    runner = KernelFactory(Workspace(), frozenset()).runner(layout_of(model.cell, xs), None)
    make = kernels if runner is not None else lambda layout, without: Program(layout)
    agree_on(model, xs, (), make)
