"""Parameter values within cells, on runners: gradients by complex step."""

from __future__ import annotations

import numpy as np
import pytest

from rnnbp.numerics import Array
from rnnbp.runners.interpreter.program import Interpreter
from tests.helpers import reals
from tests.leaf_cells import CONTEXT, STEPS, Within, backward, recurrent, within

TINY = 1e-30


def value(given: Within, dy: Array, dstate: Array) -> complex:
    """<dy, y> + <dstate, the state after>, by the interpreter; of a state that y depends on."""
    y, after = Interpreter(given.layout).advance(given.xs, given.state, CONTEXT, output=True)
    assert y is not None
    reached = given.layout.cell.n_inputs in given.layout.reached
    found: complex = np.sum(dy * y) + reached * np.sum(dstate * after[0])
    return found


def along(given: Within, k: int, u: Array, dy: Array, dstate: Array) -> float:
    """The derivative along u, a direction of input k."""
    there = given.at("complex128")
    there.xs[k] += 1j * TINY * u
    return value(there, dy, dstate).imag / TINY


@pytest.mark.one_in(2)
@pytest.mark.parametrize("rebuilt", [False, True])
@pytest.mark.parametrize("name", STEPS)
def test_the_interpreter_has_the_derivatives_by_leaves(name: str, rebuilt: bool) -> None:
    given = within(recurrent(STEPS[name]))
    dy, dstate = reals(5, 3, 4), reals(3, 4, seed=1)
    found = backward(Interpreter(given.layout), given, dy, dstate, rebuilt=rebuilt)
    for k, x in enumerate(given.xs):
        delta, u = found[f"input {k}"], reals(*x.shape, seed=2 + k)
        own = np.zeros(x.shape) if delta is None else delta
        assert own.shape == x.shape
        assert np.sum(own * u) == pytest.approx(along(given, k, u, dy, dstate), abs=1e-12)
