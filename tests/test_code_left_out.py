"""Code that is not run: operations that nothing needs, equal ones, copies of slices."""

from __future__ import annotations

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.compiler.passes import RULES
from rnnbp.compiler.weights import Matrix
from rnnbp.runners.numpy.functions import functions
from tests.programs import agree
from tests.rule_cells import MSE, N_IN, N, count, dense, gates, matrices, one_by_one, only


def test_what_nothing_needs_is_not_run() -> None:
    """A Dense that leads nowhere, and the half of another that nothing takes."""
    x, h = rb.Input(N_IN), rb.State(N, "h")
    dense(N_IN)(x)
    first, _ = rb.Split(N, N)(dense(N_IN, N, n_out=2 * N)(x, h))
    model = rb.Recurrent(rb.Cell(x, {h: rb.Tanh()(first)}, output=h))
    whole, cut = only(model).forward, only(model, "parts").forward
    assert (count(whole, "linear"), count(whole, "part")) == (2, 1)
    assert [sum(lane.count for lane in matrix.lanes) for matrix in matrices(whole)] == [
        2 * N,
        2 * N,
    ]
    assert [sum(lane.count for lane in matrix.lanes) for matrix in matrices(cut)] == [N, N]
    agree(model, np.random.default_rng(0).normal(size=(5, 3, N_IN)))


def test_equal_operations_are_made_once() -> None:
    x, h = rb.Input(N_IN), rb.State(N, "h")
    layer = dense(N_IN, N)
    h_new = rb.Tanh()(layer(x, h)) * rb.Tanh()(layer(x, h))
    model = rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new))
    assert (count(only(model).forward, "tanh"), count(only(model).forward, "linear")) == (1, 2)
    agree(model, np.random.default_rng(0).normal(size=(5, 3, N_IN)))


def test_an_advance_runs_only_what_feeds_the_state() -> None:
    x, h = rb.Input(N_IN), rb.State(N, "h")
    h_new = rb.Tanh()(dense(N_IN, N)(x, h))
    model = rb.Recurrent(rb.Cell(x, {h: h_new}, output=dense(N, n_out=2)(h_new)))
    made = functions(model.cell, ((N_IN,),))
    taken = [
        [value for value in f.constants.values() if isinstance(value, Matrix)]
        for f in (made.advance, made.outputs)
    ]
    assert [len(found) for found in taken] == [2, 3]


@pytest.mark.parametrize("without", [(), RULES], ids=["rules on", "rules off"])
def test_slices_are_views(without: tuple[str, ...]) -> None:
    """A cell with Split copies nothing that one without it does not."""
    whole, split = (
        functions(cell.cell, ((N_IN,),), frozenset(without))
        for cell in (one_by_one(rb.Tanh), gates(rb.Tanh, rb.Tanh))
    )
    for a, b in ((whole.record, split.record), (whole.advance, split.advance)):
        assert b.source.count("copyto") <= a.source.count("copyto")


def test_affine_and_sigmoid_as_one_unit_or_as_two_have_the_same_gradients() -> None:
    """σ(z) as 1 / (1 + eᵘ), with the sign of u = −z in the weights; or Wx + b, then σ(z)."""
    rng = np.random.default_rng(3)
    model, x, y = (
        one_by_one(rb.Sigmoid, rb.Sigmoid),
        rng.normal(size=(9, 3, N_IN)),
        rng.normal(size=(9, 3, N)),
    )
    one, two, plain = (
        rb.bptt(model, x, y, MSE, backend=backend)
        for backend in (rb.Backend(), rb.Backend(without=RULES), rb.Backend("interpreter"))
    )
    for name in model.params:
        np.testing.assert_allclose(one.grads[name], two.grads[name], rtol=1e-12)
        np.testing.assert_allclose(one.grads[name], plain.grads[name], rtol=1e-12)
    assert one.dx is not None
    np.testing.assert_allclose(one.dx, two.dx, rtol=1e-12)
