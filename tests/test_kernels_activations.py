"""Activations in machine code outside cells: as NumPy's, the same by any number of threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.bptt.accumulators import Accumulators
from rnnbp.layers.pointwise import Pointwise
from rnnbp.runners.backend import Backend
from rnnbp.runners.select import Runners
from rnnbp.runners.workspace import Workspace
from tests.helpers import assert_close, assert_same_arrays, assert_same_bits, reals
from tests.traced_runs import traced

pytest.importorskip("llvmlite")

LAYERS = (
    rb.Sigmoid(), rb.Tanh(), rb.ReLU(), rb.LeakyReLU(0.1), rb.ELU(0.7), rb.GELU(), rb.Softplus(),
    rb.Exp(), rb.Square(), rb.Softmax(), rb.LogSoftmax(),
)  # fmt: skip
POSITIVE = (rb.Log(), rb.Sqrt())
"""Of numbers above 0 where a result is to be finite."""
SHAPES = ((3, 2, 1), (2, 3, 17), (40, 32, 37), (0, 2, 3), (1, 1, 5000))
"""Parts of a vector, ends within one, several tasks for two threads, nothing, one long row."""
ROOM = {"float64": 1e-13, "float32": 5e-6}
"""Of what the largest number is: 1 − y² cancels near the ends of tanh."""


def run(layer: rb.Layer, x: Any, dy: Any, threads: int = 1) -> list[Any]:
    """y and dx by machine code."""
    runners = Runners(Backend("llvm"), Workspace(threads=threads))
    kernel = runners.layer(layer, x.dtype, brief=False)
    assert kernel is not None
    assert kernel.takes(x)
    y, saved = kernel.forward(x)
    return [y, kernel.backward(saved, dy, Accumulators(rb.Sequential(layer)))]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_activation_is_numpys(layer: rb.Layer, shape: tuple[int, ...], dtype: str) -> None:
    x, dy = (3 * reals(*shape)).astype(dtype), reals(*shape, seed=1).astype(dtype)
    y, saved = layer.forward(x)
    (dx,) = layer.backward_inputs(saved, dy)
    found = run(layer, x, dy)
    for one, other in zip(found, (y, dx), strict=True):
        largest = np.abs(other).max(initial=1e-3)
        np.testing.assert_allclose(one, other, rtol=ROOM[dtype], atol=ROOM[dtype] * largest)
    assert_same_arrays(run(layer, x, dy, 2), found)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layer", POSITIVE, ids=str)
def test_activation_of_positive_numbers_is_numpys(layer: rb.Layer, dtype: str) -> None:
    x, dy = np.exp(3 * reals(9, 8, 70)).astype(dtype), reals(9, 8, 70, seed=1).astype(dtype)
    y, saved = layer.forward(x)
    found = run(layer, x, dy)
    for one, other in zip(found, (y, *layer.backward_inputs(saved, dy)), strict=True):
        np.testing.assert_allclose(one, other, rtol=10 * np.finfo(dtype).eps)
    assert_same_arrays(run(layer, x, dy, 2), found)


@pytest.mark.parametrize("layer", LAYERS[:-2] + POSITIVE, ids=str)
def test_the_ends_of_numbers(layer: rb.Layer) -> None:
    x = np.array([[[np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30]]])
    with np.errstate(all="ignore"):
        y, saved = layer.forward(x)
        dx = layer.backward_inputs(saved, np.ones_like(x))[0]
    for one, other in zip(run(layer, x, np.ones_like(x)), (y, dx), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)


@pytest.mark.parametrize("layer", LAYERS[-2:], ids=str)
def test_rows_of_large_numbers_do_not_overflow(layer: rb.Layer) -> None:
    x, dy = np.array([[[1e30, 1e30, -1e30], [-5e3, 0, 5e3]]]), reals(1, 2, 3)
    y, saved = layer.forward(x)
    for one, other in zip(run(layer, x, dy), (y, *layer.backward_inputs(saved, dy)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_a_number_has_the_same_bits_wherever_it_lies(layer: rb.Layer) -> None:
    x, dy = reals(40, 5, 7).astype("float32"), reals(40, 5, 7, seed=1).astype("float32")
    whole = run(layer, x, dy)
    few = run(layer, x[3:6].copy(), dy[3:6].copy())
    assert_same_arrays(few, [part[3:6] for part in whole])


class Tanh(Pointwise):
    """One of a user's, with the name of ours."""

    def forward(self, x: Any) -> Any:
        return 2 * x, ()

    def derivative(self, saved: Any) -> Any:
        return np.array(2.0)


@pytest.mark.parametrize(("layer", "dtype"), [(Tanh(), "float32"), (rb.Tanh(), "complex128")])
def test_what_machine_code_does_not_run(layer: rb.Layer, dtype: str) -> None:
    assert Runners(Backend("llvm"), Workspace()).layer(layer, np.dtype(dtype), brief=False) is None


def model(layer: rb.Layer) -> rb.Sequential:
    """With the layer before a cell, between two and in the tail, where it is the last too."""
    net = rb.Dense(3, 4, rng=1, dtype="float64"), layer, rb.RNN(4, 5, rng=2, dtype="float64")
    return rb.Sequential(*net, layer, rb.GRU(5, 4, rng=3, dtype="float64"), layer)


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_gradients_are_the_interpreters_and_bits_those_of_any_schedule(layer: rb.Layer) -> None:
    given = [model(layer), reals(50, 6, 3), reals(50, 6, 4, seed=1), rb.losses.MeanSquaredError()]
    found = rb.bptt(*given, chunk=8, backend="llvm")
    assert_close(found, rb.bptt(*given, chunk=8, backend="interpreter"), 1e-10)
    assert_same_bits(rb.bptt(*given, chunk=8, backend="llvm", checkpoint="sqrt"), found)


@pytest.mark.parametrize("layer", [rb.GELU(), rb.Tanh(), rb.Softmax()], ids=str)
def test_bytes_are_those_of_the_forecast_and_of_tracemalloc(layer: rb.Layer) -> None:
    x, target = reals(60, 200, 3), reals(60, 200, 4, seed=1)
    net = model(layer)
    peak, stats = traced(net, x, target, backend="llvm", chunk=20)
    told = rb.forecast(
        net, rb.losses.MeanSquaredError(), steps=60, batch=200, x_shape=(3,), chunk=20,
        backend="llvm",
    )  # fmt: skip
    assert told.peak_bytes_by_kind == stats.peak_bytes_by_kind
    assert abs(peak - stats.peak_bytes - stats.object_bytes) <= 2**16


@pytest.mark.parametrize("layer", [rb.GELU(), rb.Softmax()], ids=str)
def test_a_stepper_has_the_bits_of_predict(
    layer: rb.Layer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RNNBP_BACKEND", "llvm")
    net, x = model(layer), reals(9, 2, 3)
    stepper = rb.Stepper(net, batch=2)
    one_by_one = np.stack([stepper.step(step).copy() for step in x])
    assert_same_arrays([one_by_one], [rb.predict(net, x)[0]])
