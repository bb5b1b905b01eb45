"""A product of a static input in a cell runs once a run, apart from those of series."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.inputs.models import as_model
from rnnbp.layers.base import Layer
from tests.helpers import assert_same_arrays
from tests.input_cells import CELLS
from tests.programs import inputs_of
from tests.traced_runs import BACKENDS, traced

MSE = rb.losses.MeanSquaredError()


def posed(name: str, n: int, length: int, batch: int) -> tuple[rb.Recurrent, Any, np.ndarray]:
    """A model of a cell, its inputs, and a target."""
    cell = CELLS[name](n)
    (shape,) = rb.Recurrent(cell).output_shapes(*cell.input_shapes[: cell.n_inputs])
    assert shape is not None
    return (
        rb.Recurrent(cell),
        tuple(inputs_of(cell, length, batch)),
        np.zeros((length, batch, *shape)),
    )


def bits_of(found: rb.Gradients) -> list[Any]:
    """Loss, gradients and deltas of the inputs."""
    return [found.loss, *found.grads.values(), *(found.dx or ())]


@pytest.mark.quick
def test_the_product_of_a_static_input_is_a_node_of_the_model() -> None:
    model, _, _ = posed("one_product", 4, 5, 2)
    fixed, recurrent = as_model(model).nodes
    assert (repr(fixed.block), fixed.args) == ("Dense((2,), 4)", (1,))
    assert isinstance(fixed.block, Layer)
    assert fixed.block.params is model.cell.nodes[0].block.params  # type: ignore[union-attr]
    assert len(recurrent.args) == 3


@pytest.mark.one_in(9)
@pytest.mark.parametrize("name", CELLS)
def test_gradients_are_those_of_complex_steps(name: str) -> None:
    model, xs, target = posed(name, 4, 6, 3)
    assert rb.check_grads(model, xs, target, MSE).worst < 1e-12


@pytest.mark.one_in(18)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", CELLS)
def test_backends_agree(name: str, backend: str) -> None:
    model, xs, target = posed(name, 5, 9, 3)
    plain = rb.bptt(model, xs, target, MSE, chunk=4, backend="interpreter")
    found = rb.bptt(model, xs, target, MSE, chunk=4, backend=backend)
    assert found.loss == pytest.approx(plain.loss, rel=1e-13)
    for key, grad in plain.grads.items():
        np.testing.assert_allclose(found.grads[key], grad, rtol=0, atol=1e-12)
    for a, b in zip(found.dx, plain.dx, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_bits_do_not_depend_on_the_schedule(backend: str) -> None:
    model, xs, target = posed("one_product", 5, 12, 3)
    plain = rb.bptt(model, xs, target, MSE, chunk=3, backend=backend)
    for schedule in (rb.schedules.Revolve(4, 1), rb.schedules.EveryK(4, 2), "sqrt"):
        found = rb.bptt(model, xs, target, MSE, chunk=3, backend=backend, checkpoint=schedule)
        assert_same_arrays(bits_of(found), bits_of(plain))


def test_an_array_that_is_put_in_a_parameters_place_is_read() -> None:
    model, xs, target = posed("one_product", 5, 6, 3)
    rb.bptt(model, xs, target, MSE)
    owner, key = model.slots["0.weight_1"]
    owner[key] = 2 * owner[key]
    again, _, _ = posed("one_product", 5, 6, 3)
    again.params["0.weight_1"][...] *= 2
    found, expected = (rb.bptt(one, xs, target, MSE) for one in (model, again))
    assert_same_arrays(bits_of(found), bits_of(expected))
    assert np.abs(found.grads["0.weight_1"]).min() > 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_last_steps_that_overflow_have_the_interpreters_deltas(backend: str) -> None:
    """Of a state that y does not see any more: there is no delta, where programs carry zeros."""
    x, s, a, b = rb.Input(2), rb.Input(2, per="sequence"), rb.State(2, "a"), rb.State(2, "b")
    large = rb.Scale(1e200)(x * a)
    cell = rb.Cell((s, x), {a: rb.Tanh()(x + s), b: large * large * s + b}, output=a * s)
    xs = np.full((3, 2), 0.5), np.ones((6, 3, 2))
    target = np.zeros((6, 3, 2))
    found, expected = (
        rb.bptt(rb.Recurrent(cell), xs, target, MSE, backend=name, chunk=4)
        for name in (backend, "interpreter")
    )
    for one, other in zip(found.dx, expected.dx, strict=True):
        assert np.isfinite(other).all()
        np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize("backend", ["interpreter", *BACKENDS])
def test_bytes_are_predicted(backend: str) -> None:
    model, xs, target = posed("one_product", 40, 12, 100)
    peak, stats = traced(model, xs, target, chunk=5, backend=backend)
    told = stats.peak_bytes + stats.object_bytes
    assert abs(peak - told) <= max(0.01 * told, 2**15), (peak, stats)
    shapes = (3,), (2,), (40,)
    expected = rb.forecast(
        model, MSE, steps=12, batch=100, x_shape=shapes, chunk=5, backend=backend, checkpoint="all"
    )
    assert expected.peak_bytes_by_kind == stats.peak_bytes_by_kind
