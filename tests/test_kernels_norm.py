"""LayerNorm in machine code outside cells: as the layer's NumPy, by any number of threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.bptt.accumulators import Accumulators
from rnnbp.numerics import Array
from rnnbp.runners.backend import Backend
from rnnbp.runners.select import Runners
from rnnbp.runners.workspace import Workspace
from tests.helpers import assert_same_arrays, reals
from tests.traced_runs import traced

pytest.importorskip("llvmlite")

SHAPES = {
    "one": 1,
    "few": 5,
    "a vector and more": 19,
    "columns of several tasks": 350,
    "axes": (3, 7),
}
PARAMETERS: list[dict[str, Any]] = [{}, {"bias": False}, {"weight": False}]


def built(shape: Any, **options: Any) -> rb.LayerNorm:
    layer = rb.LayerNorm(shape, dtype="float64", eps=1e-3, **options)
    for k, array in enumerate(layer.params.values()):
        array[...] = reals(*array.shape, seed=k + 5)
    return layer


def run(layer: Any, x: Array, dy: Array, threads: int) -> list[Array]:
    """y, what is saved, dx and the parameters' gradients, from 0 on."""
    kernel = Runners(Backend("llvm"), Workspace(threads=threads)).layer(layer, x.dtype, brief=False)
    assert kernel is not None
    assert kernel.takes(x)
    grads = Accumulators(rb.Sequential(layer))
    y, saved = kernel.forward(x)
    assert kernel.takes(*saved, dy)
    return [y, *saved, kernel.backward(saved, dy, grads), *grads.grads.values()]


@pytest.mark.parametrize("options", PARAMETERS, ids=str)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))
def test_norm_is_numpys(shape: Any, options: dict[str, Any]) -> None:
    layer = built(shape, **options)
    x, dy = (reals(23, 6, *layer.shape, seed=k) for k in (1, 2))
    y, saved = layer.forward(x)
    params = layer.backward_params(saved, dy)
    expected = [y, *saved, *layer.backward_inputs(saved, dy), *params.values()]
    found = run(layer, x, dy, 1)
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-11 * np.abs(other).max())
    assert_same_arrays(run(layer, x, dy, 2), found)


def test_eps_is_read_at_each_call() -> None:
    layer, x = built(9), reals(4, 9)
    kernel = Runners(Backend("llvm"), Workspace()).layer(layer, x.dtype, brief=False)
    assert kernel is not None
    kernel.forward(x)
    layer.set(eps=0.5)
    np.testing.assert_allclose(kernel.forward(x)[0], layer.forward(x)[0], rtol=1e-12)


def test_norm_without_parameters_is_left_to_numpy() -> None:
    layer = rb.LayerNorm(3, weight=False, bias=False)
    assert (
        Runners(Backend("llvm"), Workspace()).layer(layer, np.dtype("float32"), brief=False) is None
    )


@pytest.mark.parametrize("options", PARAMETERS, ids=str)
@pytest.mark.parametrize("checkpoint", ["all", lambda n: rb.schedules.Revolve(n, 2)])
def test_bytes_are_predicted(checkpoint: Any, options: dict[str, Any]) -> None:
    steps, batch = 60, 20
    given: dict[str, Any] = {"chunk": 16, "backend": "llvm", "checkpoint": checkpoint}
    x, target = (reals(steps, batch, n).astype("float32") for n in (40, 3))
    model, loss = (
        rb.Sequential(
            rb.LayerNorm(40, **options),
            rb.LSTM(40, 16, rng=1),
            rb.LayerNorm(16, **options),
            rb.Dense(16, 3, rng=2),
        ),
        rb.losses.MeanSquaredError(),
    )
    peak, stats = traced(model, x, target, **given)
    expected = rb.forecast(model, loss, steps=steps, batch=batch, x_shape=(40,), **given)
    assert expected.peak_bytes_by_kind == stats.peak_bytes_by_kind
    assert abs(peak - stats.peak_bytes - stats.object_bytes) <= 2**16
