"""Step programs equal the interpreter for every cell and random ones, each rule on and off."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rnnbp as rb
from rnnbp.compiler.passes import RULES
from rnnbp.runners.numpy.operations import CALLS
from tests import models
from tests.helpers import reals
from tests.programs import agree, cells

SLOW: Any = {"deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}


@pytest.mark.one_in(6)
@pytest.mark.parametrize(
    "without",
    [(), *((rule,) for rule in RULES), RULES],
    ids=lambda rules: "+".join(rules) or "none",
)
@pytest.mark.parametrize("cell", models.CELLS)
def test_every_cell_without_each_rule(cell: str, without: tuple[str, ...]) -> None:
    agree(models.CELLS[cell](3, 4, "float64"), reals(7, 5, 3), without)


@pytest.mark.quick
@pytest.mark.one_in(3)
@pytest.mark.parametrize("shape", [(1, 5, 3), (7, 1, 3), (1, 1, 3), (70, 2, 3)])
@pytest.mark.parametrize("cell", models.CELLS)
def test_every_cell_in_every_shape(cell: str, shape: tuple[int, ...]) -> None:
    agree(models.CELLS[cell](3, 4, "float64"), reals(*shape))


@pytest.mark.long
@settings(max_examples=200, **SLOW)
@given(cell=cells(), without=st.sets(st.sampled_from(RULES)))
def test_random_cells(cell: rb.Recurrent, without: set[str]) -> None:
    (n,) = cell.cell.input_shapes[0]
    agree(cell, reals(5, 3, n), without)


@pytest.mark.long
@settings(max_examples=40, **SLOW)
@given(cell=cells())
def test_gradients_of_random_cells_by_complex_steps(cell: rb.Recurrent) -> None:
    (n,) = cell.cell.input_shapes[0]
    rb.check_grads(
        rb.Sequential(
            cell,
            rb.Dense(
                cell.cell.value_shapes(*cell.cell.input_shapes)[cell.cell.outputs[0]][0],
                2,
                dtype="float64",
                rng=0,
            ),
        ),
        reals(5, 2, n),
        chunk=2,
        checkpoint="sqrt",
    )


def traced_products(steps: int, risen: list[int]) -> Callable[..., None]:
    """np.dot that traces, of each block of calls, from the second to the last."""
    calls, start = [0], [0]

    def product(*args: Any) -> None:
        calls[0] += 1
        if calls[0] % steps == 2:
            start[0] = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
        np.dot(*args)
        if calls[0] % steps == 0:
            risen.append(tracemalloc.get_traced_memory()[1] - start[0])

    return product


@pytest.mark.quick
@pytest.mark.parametrize("cell", [rb.RNN, rb.LSTM, rb.GRU])
def test_no_array_is_allocated_in_the_time_loop(cell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a block's second product to its last, memory never rises by as much as a state."""
    model, steps, batch, units = cell(8, 64, rng=0), 8, 16, 64
    x, dy = (reals(steps, batch, n).astype(np.float32) for n in (8, units))
    risen: list[int] = []
    monkeypatch.setitem(CALLS, "dot", traced_products(steps, risen))
    tracemalloc.start()
    try:
        rb.bptt(model, x, dy, lambda y, dy: (0.0, dy), chunk=steps, backend="numpy")
    finally:
        tracemalloc.stop()
    assert len(risen) == 2  # forward and backward
    assert max(risen) < batch * units * 4


@pytest.mark.parametrize("backend", ["numpy", None])
def test_numbers_in_a_cells_layers_may_be_changed(backend: str | None) -> None:
    """They are in the code; another code is made."""
    x, h = rb.Input(3), rb.State(4)
    scale, norm = rb.Scale(0.5, 0.1), rb.LayerNorm(4, dtype="float64")
    new = rb.Tanh()(scale(norm(rb.Dense((3, 4), 4, rng=0, dtype="float64")(x, h))))
    model = rb.Sequential(rb.Recurrent(rb.Cell(x, {h: new}, output=new)))
    data = np.random.default_rng(1).normal(size=(9, 2, 3))
    target, loss = np.zeros((9, 2, 4)), rb.losses.MeanSquaredError()
    seen = set()
    for factor, eps in ((0.5, 1e-5), (3.0, 1e-5), (3.0, 0.5), (0.5, 1e-5)):
        scale.set(scale=factor)
        norm.set(eps=eps)
        found, wanted = (
            rb.bptt(model, data, target, loss, backend=name) for name in (backend, "interpreter")
        )
        np.testing.assert_allclose(found.loss, wanted.loss, rtol=1e-13)
        np.testing.assert_allclose(found.dx, wanted.dx, rtol=0, atol=1e-13)
        seen.add(found.loss)
    assert len(seen) == 3
