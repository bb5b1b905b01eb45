"""Pooling in machine code outside cells: the bits of the layers, and its bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.bptt.accumulators import Accumulators
from rnnbp.numerics import Array, Shape
from rnnbp.runners.backend import Backend
from rnnbp.runners.select import Runners
from rnnbp.runners.workspace import Workspace
from tests.convolution_cases import POOLS
from tests.helpers import assert_same_arrays, reals
from tests.traced_runs import traced

pytest.importorskip("llvmlite")

KINDS = rb.MaxPool, rb.AvgPool
LARGE: dict[str, tuple[tuple[Any, ...], Shape]] = {
    # More windows than a vector has lanes, in rows and planes that end in its middle.
    "one axis": ((3,), (5, 145)),
    "pairs": (((2, 2),), (7, 14, 18)),
    "overlapping": (((3, 3), 2, 1), (70, 9, 11)),
    "every window shifted by one": (((4, 3), 1, (2, 1)), (3, 13, 17)),
    "gaps": (((2, 1), (3, 5)), (3, 19, 41)),
    "whole planes": (((8, 8),), (40, 8, 8)),
    "256 elements": (((16, 16), 4, 8), (2, 20, 20)),
}


def like(values: str, x: Array) -> Array:
    """x with numbers of a kind in many places."""
    special = np.array(
        {
            "numbers": [1.5, 2.5],
            "ties": [0.0, -0.0, 1.0],
            "NaN": [np.nan, np.inf],
            "-inf": [-np.inf],
        }[values]
    )
    rng = np.random.default_rng(1)
    return np.where(rng.random(x.shape) < 0.6, rng.choice(special, x.shape), x).astype(x.dtype)


def run(layer: Any, x: Array, dy: Array, threads: int) -> list[Array]:
    """y, what is saved, and dx."""
    runners = Runners(Backend("llvm"), Workspace(threads=threads))
    kernel = runners.layer(layer, x.dtype, brief=False)
    assert kernel is not None
    assert kernel.takes(x)
    y, saved = kernel.forward(x)
    assert kernel.takes(*saved, dy)
    return [y, *saved, kernel.backward(saved, dy, Accumulators(rb.Sequential(layer)))]


def assert_layers_bits(layer: Any, x: Array) -> None:
    y, saved = layer.forward(x)
    dy = like("ties", reals(*y.shape, seed=2).astype(x.dtype))
    expected = [y, *saved, *layer.backward_inputs(saved, dy)]
    for threads in (1, 2):
        assert_same_arrays(run(layer, x, dy, threads), expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("values", ["numbers", "ties", "NaN", "-inf"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", LARGE)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_pooling_has_the_bits_of_its_layer(name: str, kind: Any, values: str, dtype: str) -> None:
    arguments, shape = LARGE[name]
    assert_layers_bits(kind(*arguments), like(values, reals(4, 5, *shape).astype(dtype)))


@pytest.mark.parametrize("case", POOLS, ids=lambda case: case.id)
def test_pooling_in_every_option(case: Any) -> None:
    assert_layers_bits(case.build("float64"), reals(2, 3, *case.shapes[0]))


def test_windows_whose_elements_have_no_byte_are_left_to_numpy() -> None:
    runners = Runners(Backend("llvm"), Workspace())
    assert runners.layer(rb.MaxPool(257), np.dtype("float32"), brief=False) is None


def test_arrays_that_are_resized_are_refused() -> None:
    layer, x = rb.MaxPool(2), reals(3, 6)
    kernel = Runners(Backend("llvm"), Workspace()).layer(layer, x.dtype, brief=False)
    assert kernel is not None
    _, saved = kernel.forward(x)
    with pytest.raises(rb.ShapeError, match="resize no array"):
        kernel.backward(saved, reals(3, 4), Accumulators(rb.Sequential(layer)))


def picture(pool: Any) -> rb.Sequential:
    """Convolution and pooling before a recurrent layer, and pooling after it."""
    return rb.Sequential(
        rb.Conv2D(1, 4, 3, padding=1, rng=0), pool((2, 2)), rb.Flatten(3),
        rb.LSTM(144, 16, rng=1), pool(4, 2, 2), rb.Dense(9, 3, rng=2),
    )  # fmt: skip


HOW: dict[str, dict[str, Any]] = {
    "all": {},
    "run again": {"checkpoint": lambda n: rb.schedules.Revolve(n, 2)},
}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("pool", KINDS)
def test_bytes_are_predicted(pool: Callable[..., Any], how: str) -> None:
    steps, batch, given = 60, 20, {"chunk": 16, "backend": "llvm", **HOW[how]}
    x, target = (reals(steps, batch, *s).astype("float32") for s in ((1, 12, 12), (3,)))
    model, loss = picture(pool), rb.losses.MeanSquaredError()
    peak, stats = traced(model, x, target, **given)
    expected = rb.forecast(model, loss, steps=steps, batch=batch, x_shape=(1, 12, 12), **given)
    assert expected.peak_bytes_by_kind == stats.peak_bytes_by_kind
    assert abs(peak - stats.peak_bytes - stats.object_bytes) <= 2**16
