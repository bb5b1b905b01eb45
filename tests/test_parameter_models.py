"""Models with parameter values: gradients, backends, schedules, bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp import schedules
from tests.helpers import assert_close, assert_same_arrays, assert_same_named
from tests.parameter_models import MODELS, data
from tests.traced_runs import BACKENDS as COMPILED

MSE = rb.losses.MeanSquaredError()
BACKENDS = ["interpreter", *COMPILED]


def run(name: str, **options: Any) -> rb.Gradients:
    x, target = data(name, 13, 3, 4)
    return rb.bptt(MODELS[name](4), x, target, MSE, **{"chunk": 5, **options})


LONG = ("plain", "squared", "twice", "learned input", "reservoir", "connections", "low rank")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] * (name in LONG)) for name in MODELS]
)
def test_gradients_are_those_of_complex_steps(name: str) -> None:
    x, _ = data(name, 6, 3, 4)
    found = rb.check_grads(MODELS[name](4), x)
    assert found.worst < 1e-12, found


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] * (name in LONG)) for name in MODELS]
)
def test_backends_agree(name: str) -> None:
    expected = run(name, backend="interpreter")
    assert any(np.abs(g).sum() > 0 for g in expected.grads.values())
    for backend in BACKENDS[1:]:
        assert_close(run(name, backend=backend), expected)


SCHEDULES: dict[str, Any] = {
    "sqrt": "sqrt",
    "revolve": lambda n: schedules.Revolve(n, 1),
    "disk": lambda n: schedules.EveryK(n, 2, "disk"),
}


@pytest.mark.one_in(24, "schedule", "backend")
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", MODELS)
def test_bits_are_the_same_under_every_schedule(name: str, backend: str, schedule: str) -> None:
    cached = run(name, backend=backend, chunk=3)
    again = run(name, backend=backend, chunk=3, checkpoint=SCHEDULES[schedule])
    assert again.loss == cached.loss
    assert_same_named(again.grads, cached.grads)


@pytest.mark.parametrize("name", ["plain", "gated", "connections"])
def test_a_second_run_in_the_memory_of_the_first_has_its_bits(name: str) -> None:
    assert_same_named(run(name).grads, run(name).grads)
    model, (x, _) = MODELS[name](4), data(name, 13, 3, 4)
    first = rb.predict(model, x)[0]
    for p in model.params.values():
        p *= 0.5
    second = rb.predict(model, x)[0]
    assert not np.allclose(first, second)
    for p in model.params.values():
        p *= 2
    np.testing.assert_array_equal(rb.predict(model, x)[0], first)


def test_a_product_is_that_of_a_dense_layer_to_the_bit() -> None:
    """W @ h + U @ x + b in place of Dense layers of the same weights."""
    own, n = MODELS["plain"](4), 4
    x, h = rb.Input(n, "x"), rb.State(n, "h")
    options: Any = {"dtype": "float64"}
    dense = rb.Dense(n, n, bias=False, **options)(h)
    h_new = rb.Tanh()(dense + rb.Dense(n, n, **options)(x))
    model = rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new))
    names = dict(zip(("0.weight", "1.weight", "1.bias"), ("w", "u", "b"), strict=True))
    for path, name in names.items():
        model.params[path][...] = own.params[name]
    given, target = data("plain", 13, 3, 4)
    for backend in BACKENDS[1:]:
        found = rb.bptt(own, given, target, MSE, chunk=5, backend=backend)
        expected = rb.bptt(model, given, target, MSE, chunk=5, backend=backend)
        assert found.loss == expected.loss
        assert_same_named(found.grads, {n: expected.grads[path] for path, n in names.items()})
        assert_same_arrays([found.dx], [expected.dx])
        assert found.stats.peak_bytes == expected.stats.peak_bytes


def test_dropped_connections_are_one_mask_a_run_and_none_in_evaluation() -> None:
    model = MODELS["connections"](4)
    x = np.zeros((6, 2, 4))
    x[0] = 1.0
    once = rb.predict(model, x, training=True, seed=1)[0]
    np.testing.assert_array_equal(once, rb.predict(model, x, training=True, seed=1)[0])
    assert not np.array_equal(once, rb.predict(model, x, training=True, seed=2)[0])
    np.testing.assert_array_equal(once[:, 0], once[:, 1])  # the same for all sequences
    longer = rb.predict(model, x, training=True, seed=1, chunk=2)[0]
    np.testing.assert_allclose(longer, once, rtol=1e-12)
    assert not np.array_equal(once, rb.predict(model, x)[0])
