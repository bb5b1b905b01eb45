"""Convolutions in machine code outside cells: as NumPy's, and the same by any number of threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.bptt.accumulators import Accumulators
from rnnbp.runners.backend import Backend
from rnnbp.runners.select import Runners
from rnnbp.runners.workspace import Workspace
from tests.convolution_cases import CONVOLUTIONS
from tests.helpers import assert_same_arrays, reals

pytest.importorskip("llvmlite")

LARGE: dict[str, tuple[Any, tuple[int, ...]]] = {
    # More windows than a vector has lanes, in rows that end in its middle; several blocks of
    # channels, deltas and positions.
    "one axis": (rb.Conv1D(7, 9, 4, padding="same", dtype="float64", rng=1), (7, 145)),
    "strided": (
        rb.Conv1D(3, 13, 3, stride=2, padding=1, dilation=2, bias=False, dtype="float64", rng=1),
        (3, 80),
    ),
    "many channels": (rb.Conv1D(70, 150, 5, padding=1, dtype="float64", rng=1), (70, 37)),
    "wider than x": (rb.Conv1D(2, 3, 9, padding=4, dtype="float64", rng=1), (2, 4)),
    "two axes": (rb.Conv2D(31, 17, 3, padding="same", dtype="float64", rng=1), (31, 13, 17)),
    "no padding": (rb.Conv2D(16, 140, 3, dtype="float64", rng=1), (16, 14, 14)),
    "apart": (rb.Conv2D(5, 7, (3, 2), stride=(2, 3), padding=1, dtype="float64"), (5, 19, 41)),
}
CASES = {case.id: (case.build("float64"), case.shapes[0]) for case in CONVOLUTIONS} | LARGE


def run(layer: Any, x: Any, dy: Any, threads: int) -> list[Any]:
    """y, dx and the parameters' gradients, from 0 on."""
    runners = Runners(Backend("llvm"), Workspace(threads=threads))
    kernel = runners.layer(layer, x.dtype, brief=False)
    assert kernel is not None
    assert kernel.takes(x)
    grads = Accumulators(rb.Sequential(layer))
    y, saved = kernel.forward(x)
    return [y, kernel.backward(saved, dy, grads), *grads.grads.values()]


@pytest.mark.parametrize("name", CASES)
def test_convolution_is_numpys(name: str) -> None:
    layer, shape = CASES[name]
    x = reals(2, 3, *shape)
    y, saved = layer.forward(x)
    dy = reals(*y.shape, seed=1)
    (dx,), grads = layer.backward_inputs(saved, dy), layer.backward_params(saved, dy)
    found = run(layer, x, dy, 1)
    for one, other in zip(found, (y, dx, *grads.values()), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12 * np.abs(other).max())
    assert_same_arrays(run(layer, x, dy, 2), found)


def test_kernel_larger_than_a_panel_is_left_to_numpy() -> None:
    runners = Runners(Backend("llvm"), Workspace())
    assert runners.layer(rb.Conv1D(1, 1, 129), np.dtype("float32"), brief=False) is None


def test_numbers_past_the_border_are_not_read() -> None:
    layer = rb.Conv1D(1, 1, 3, padding=1, dtype="float64", rng=0)
    whole = np.full((3, 1, 5), np.nan)
    whole[1] = reals(1, 5)
    found = run(layer, whole[1:2], np.ones((1, 1, 5)), 1)
    assert all(np.isfinite(array).all() for array in found)
