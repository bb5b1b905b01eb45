"""Parameter values in compiled cells: what the interpreter computes."""

from __future__ import annotations

import weakref

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.compiler.step import step_code
from rnnbp.runners.interpreter.program import Interpreter
from tests.helpers import assert_same_arrays, reals
from tests.leaf_cells import CONTEXT, STEPS, backward, compiled, matrix, recurrent, vector, within
from tests.traced_runs import BACKENDS


@pytest.mark.one_in(6, "backend")
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", STEPS)
def test_compiled_cells_compute_what_the_interpreter_does(name: str, backend: str) -> None:
    given = within(recurrent(STEPS[name]))
    plain, own = Interpreter(given.layout), compiled(given, backend)
    y, after = plain.advance(given.xs, given.state, CONTEXT, output=True)
    found, state = own.advance(given.xs, given.state, CONTEXT, output=True)
    np.testing.assert_allclose(found, y, atol=1e-12)
    np.testing.assert_allclose(state[0], after[0], atol=1e-12)
    dy, dstate = reals(5, 3, 4), reals(3, 4, seed=1)
    for rebuilt in (False, True):
        expected = backward(plain, given, dy, dstate, rebuilt=rebuilt)
        deltas = backward(own, given, dy, dstate, rebuilt=rebuilt)
        for what, delta in expected.items():
            zero = np.zeros(()) if delta is None else delta
            other = deltas[what]
            np.testing.assert_allclose(zero if other is None else other, zero, atol=1e-12)


@pytest.mark.quick
def test_products_of_parameter_values_have_packed_weights_and_one_phase_for_x() -> None:
    """The code is that of a cell of Dense layers: the same operations."""
    own = recurrent(lambda x, s, h: rb.Tanh()(matrix() @ h + matrix() @ x + vector()))
    plain = recurrent(lambda x, s, h: rb.Tanh()(rb.Dense(4, 4, bias=False)(h) + rb.Dense(4, 4)(x)))
    first, second = within(own).layout, within(plain).layout
    codes = [step_code(layout.cell, layout.x_shapes) for layout in (first, second)]
    ops = [
        [(op.name, code.forward.phases[id(op)]) for op in code.forward.code.ops] for code in codes
    ]
    assert ops[0] == ops[1]


def test_two_runners_of_one_cell_have_leaves_of_their_own() -> None:
    given = within(recurrent(STEPS["all"]))
    other = within(recurrent(STEPS["all"]))
    other.layout, other.xs = given.layout, [2 * x for x in given.xs]
    ones, twos = compiled(given, "numpy"), compiled(other, "numpy")
    for one, two in ((ones, twos), (twos, ones)):
        one.advance(given.xs, given.state, CONTEXT, output=False)
        two.advance(given.xs, given.state, CONTEXT, output=False)
    for runner, at in ((ones, given), (twos, other)):
        y, _ = runner.advance(at.xs, at.state, CONTEXT, output=True)
        expected, _ = Interpreter(at.layout).advance(at.xs, at.state, CONTEXT, output=True)
        np.testing.assert_allclose(y, expected, atol=1e-12)


@pytest.mark.parametrize("name", ["all", "one twice"])
def test_threads_change_no_bit(name: str) -> None:
    given = within(recurrent(STEPS[name]), batch=9)
    dy, dstate = reals(5, 9, 4), reals(9, 4, seed=1)
    first = backward(compiled(given, BACKENDS[-1]), given, dy, dstate)
    for threads in (2, 3, 7):
        again = backward(compiled(given, BACKENDS[-1], threads), given, dy, dstate)
        assert_same_arrays(again.values(), first.values())


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_runner_that_waits_for_another_run_holds_no_leaves(backend: str) -> None:
    given = within(recurrent(STEPS["W h"]))
    runner = compiled(given, backend)
    runner.advance(given.xs, given.state, CONTEXT, output=True)
    (leaf,) = (x for k, x in enumerate(given.xs) if given.layout.cell.pers[k] == "run")
    known = weakref.ref(leaf)
    runner.take({})
    del leaf
    given.xs.clear()
    assert known() is None
