"""Products with matrices of features, and of each sequence: gradients, backends, bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp import schedules
from tests.helpers import assert_close, assert_same_arrays, assert_same_named, reals
from tests.matrix_models import MODELS, N, S, data
from tests.traced_runs import BACKENDS as COMPILED
from tests.traced_runs import traced

MSE = rb.losses.MeanSquaredError()
QUICK = ("of parameters",)
SOME = [pytest.param(name, marks=[pytest.mark.long] * (name not in QUICK)) for name in MODELS]


def run(name: str, **options: Any) -> rb.Gradients:
    x, target = data(7, 3)
    return rb.bptt(MODELS[name](), x, target, MSE, **{"chunk": 3, **options})


@pytest.mark.parametrize("name", SOME)
def test_gradients_are_those_of_complex_steps(name: str) -> None:
    x, target = data(4, 2)
    found = rb.check_grads(MODELS[name](), x, target, MSE)
    assert found.worst < 1e-12, found


@pytest.mark.parametrize("name", SOME)
def test_backends_agree(name: str) -> None:
    expected = run(name, backend="interpreter")
    assert all(np.abs(part).sum() > 0 for part in expected.grads.values())
    for backend in COMPILED:
        found = run(name, backend=backend)
        assert_close(found, expected)
        for one, other in zip(found.dx, expected.dx, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", MODELS)
def test_no_layer_runs_as_python(name: str) -> None:
    assert rb.explain(MODELS[name]()).opaque == ()


@pytest.mark.long
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("backend", COMPILED)
def test_bits_are_the_same_under_every_schedule_and_with_any_threads(
    name: str, backend: str, use_threads: Callable[[int], None]
) -> None:
    cached = run(name, backend=backend)
    for schedule in ("sqrt", lambda n: schedules.Revolve(n, 1)):
        assert_same(run(name, backend=backend, checkpoint=schedule), cached)
    use_threads(3)
    assert_same(run(name, backend=backend), cached)


def assert_same(found: rb.Gradients, expected: rb.Gradients) -> None:
    """That loss, gradients and deltas of the inputs have the same bits."""
    assert found.loss == expected.loss
    assert_same_named(found.grads, expected.grads)
    assert_same_arrays(found.dx, expected.dx)


@pytest.mark.one_in(81, "backend")
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("backend", ["interpreter", *COMPILED])
@pytest.mark.parametrize("schedule", ["all", "sqrt", lambda n: schedules.ThinTapes(n, 2)])
def test_forecast_ledger_and_tracemalloc_agree(
    name: str, backend: str, schedule: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RNNBP_BACKEND", backend)
    x, target = data(12, 200)
    options = {"chunk": 5, "checkpoint": schedule}
    peak, stats = traced(MODELS[name](), x, target, **options)
    told = stats.peak_bytes + stats.object_bytes
    assert abs(peak - told) <= max(0.01 * told, 2**16), (peak, told)
    shapes = {"x_shape": ((N,), (S, N)), "steps": 12, "batch": 200}
    expected = rb.forecast(MODELS[name](), MSE, **shapes, **options)
    assert expected.peak_bytes_by_kind == stats.peak_bytes_by_kind


def looking_up(lines: int, n: int) -> Any:
    """A cell that looks up a memory of each sequence by its state."""
    x, memory, h = rb.Input(n, "x"), rb.Input((lines, n), "memory", per="sequence"), rb.State(n)
    found = memory.T @ rb.Softmax()(memory @ h)
    h_new = rb.Tanh()(x + found)
    return rb.Recurrent(rb.Cell((x, memory), {h: h_new}, output=h_new))


@pytest.mark.parametrize("backend", COMPILED)
def test_the_delta_of_a_matrix_of_each_sequence_takes_no_array_of_all_steps(backend: str) -> None:
    steps, batch, lines, n = 48, 4, 50, 40
    x, memory = reals(steps, batch, n), reals(batch, lines, n)
    found = rb.bptt(looking_up(lines, n), (x, memory), x, MSE, chunk=steps, backend=backend)
    assert found.stats.peak_bytes < steps * memory.nbytes / 2


@pytest.mark.skipif("llvm" not in COMPILED, reason="needs llvmlite")
@pytest.mark.one_in(70, "dtype")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("lines", [1, 3, 4, 5, 8])
@pytest.mark.parametrize("n", [1, 7, 8, 16, 33, 129, 270])
def test_machine_code_is_right_at_every_size(lines: int, n: int, dtype: str) -> None:
    x, memory = (reals(*shape, dtype=dtype) for shape in ((3, 2, n), (2, lines, n)))
    a, b = (
        rb.bptt(looking_up(lines, n), (x, memory), x, MSE, chunk=2, backend=backend)
        for backend in ("numpy", "llvm")
    )
    tolerance = {"rtol": 1e4 * np.finfo(dtype).eps, "atol": 100 * np.finfo(dtype).eps}
    np.testing.assert_allclose(a.loss, b.loss, **tolerance)
    for one, other in zip(a.dx, b.dx, strict=True):
        np.testing.assert_allclose(one, other, **tolerance)
