"""Machine code for dense layers outside cells, for rows to come, for many rows."""

from __future__ import annotations

import gc
import re
import tracemalloc
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

if not find_spec("llvmlite"):
    pytest.skip("needs llvmlite", allow_module_level=True)


import rnnbp as rb
from rnnbp.graph.layout import Layout
from rnnbp.machine.ir import Text
from rnnbp.runners.llvm import groups, pointwise
from rnnbp.runners.llvm.compiled import kernel_sizes
from rnnbp.runners.llvm.groups import Group
from tests.helpers import reals


@pytest.mark.parametrize("step", [2, -1])
def test_a_bias_that_does_not_lie_together(step: int) -> None:
    model = rb.Sequential(
        rb.RNN(3, 5, dtype="float64", rng=0), rb.Dense(5, 7, dtype="float64", rng=1)
    )
    model.blocks[1].params["bias"] = reals(7 * abs(step))[::step]
    x, target, loss = reals(9, 4, 3), reals(9, 4, 7), rb.losses.MeanSquaredError()
    expected, found = (
        rb.bptt(model, x, target, loss, backend=name) for name in ("interpreter", "llvm")
    )
    np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-13)


@pytest.mark.parametrize(
    "like", [np.asfortranarray, lambda dy: np.broadcast_to(dy[0, 0, 0], dy.shape)]
)
def test_a_derivative_that_does_not_lie_together(like: Any) -> None:
    """As a function of the user may give it."""
    model, x = rb.LSTM(3, 5, dtype="float64", rng=0), reals(7, 4, 3)

    def loss(y: np.ndarray, _: None) -> tuple[float, np.ndarray]:
        return float(y.sum()), like(np.ones_like(y))

    expected, found = (
        rb.bptt(model, x, None, loss, chunk=3, backend=name) for name in ("interpreter", "llvm")
    )
    for key in expected.grads:
        np.testing.assert_allclose(found.grads[key], expected.grads[key], rtol=1e-12)


@pytest.mark.parametrize("cut", [slice(None), slice(None, None, -1)])
def test_models_with_dense_layers(cut: slice) -> None:
    """Before, between and after cells; also where x does not lie together."""
    model = rb.Sequential(
        rb.Dense(3, 6, dtype="float64", rng=0),
        rb.RNN(6, 5, dtype="float64", rng=1),
        rb.Dense(5, 4, bias=False, dtype="float64", rng=2),
        rb.Tanh(),
        rb.Dense(4, 20, dtype="float64", rng=3),
    )
    x, target = reals(30, 4, 3)[:, :, cut], reals(30, 4, 20)
    loss = rb.losses.MeanSquaredError()
    expected, found = (
        rb.bptt(model, x, target, loss, chunk=7, backend=name) for name in ("interpreter", "llvm")
    )
    np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-13)
    for key in expected.grads:
        np.testing.assert_allclose(found.grads[key], expected.grads[key], rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(found.dx, expected.dx, rtol=1e-10, atol=1e-16)


def test_bytes_of_a_large_dense() -> None:
    """Forecast, ledger and tracemalloc, with weights that are most of it."""
    model, x, target = (
        rb.Sequential(rb.RNN(8, 128, rng=0), rb.Dense(128, 4000, rng=1)),
        reals(40, 4, 8).astype("f"),
        reals(40, 4, 4000).astype("f"),
    )
    loss = rb.losses.MeanSquaredError()
    expected = rb.forecast(
        model, loss, steps=40, batch=4, chunk=8, backend="llvm", checkpoint="all"
    )
    rb.bptt(model, x, target, loss, chunk=8, backend="llvm")
    gc.collect()
    tracemalloc.start()
    try:
        stats = rb.bptt(model, x, target, loss, chunk=8, backend="llvm").stats
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert stats.peak_bytes == expected.peak_bytes
    assert abs(peak - stats.peak_bytes) < max(0.01 * peak, 256 * 1024)


def ahead(text: str) -> list[tuple[bool, bool]]:
    """For each row that a kernel prefetches: is it to be written, and does it lie before."""
    lines = dict(line.strip().split(" = ", 1) for line in text.splitlines() if " = " in line)
    found = []
    for call in (line for line in text.splitlines() if "call void @llvm.prefetch" in line):
        pointer, written = re.search(r"ptr (\S+), i32 (\d)", call).groups()  # type: ignore[union-attr]  # else it fails
        row = re.search(r", ptr (\S+),", lines[pointer]).group(1)  # type: ignore[union-attr]  # as above
        move = lines[row].rsplit(" ", 1)[1]
        found.append((written == "1", lines[move].startswith("sub i64 0,")))
    return found


def test_rows_of_the_next_step_are_asked_for() -> None:
    """An LSTM writes h, c and four gates; backward reads dy, c before the step and the gates."""
    sizes = kernel_sizes(Layout(rb.LSTM(3, 20, rng=0).cell, ((3,),), 4, np.dtype("float32")))
    assert sizes is not None
    forward = sizes.cell.forward
    assert ahead(forward(output=False, taped=True).text) == [(True, False)] * 6
    assert ahead(sizes.cell.backward.text) == [(False, True)] * 6
    assert ahead(forward(output=False, taped=True, known=True).text) == []  # all steps at once


def test_no_tanh_waits_for_another_in_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The LSTM's tanh of the new c is in a loop after that of the gates which make it."""
    found, row = list[list[str]](), pointwise.row

    def noted(t: Text, group: Group, *more: Any) -> None:
        found.append([lane.name for lane in group.lanes if lane.name in groups.SLOW])
        row(t, group, *more)

    monkeypatch.setattr(pointwise, "row", noted)
    sizes = kernel_sizes(Layout(rb.LSTM(3, 21, rng=0).cell, ((3,),), 4, np.dtype("float32")))
    assert sizes is not None
    assert sizes.cell.forward(output=False, rolling=True).text
    assert [sorted(names) for names in found if names] == [
        ["sigmoid", "sigmoid", "tanh"],
        ["sigmoid", "tanh"],
    ]


def test_gradients_of_many_rows_are_accurate() -> None:
    """300,000 steps and sequences, all alike.

    A sum that takes each by itself is wrong in the third digit.
    """
    small, large = (
        rb.Sequential(rb.RNN(1, 1, rng=1, dtype=dtype), rb.Dense(1, 1, rng=2, dtype=dtype))
        for dtype in ("float32", "float64")
    )
    for path, array in large.params.items():
        array[...] = small.params[path]
    x, loss = np.ones((300, 1000, 1)), rb.losses.MeanSquaredError()
    expected = rb.bptt(large, x, x, loss, backend="interpreter").grads
    x = x.astype(np.float32)
    for path, grad in rb.bptt(small, x, x, loss, backend="llvm").grads.items():
        np.testing.assert_allclose(grad, expected[path], rtol=2e-5, err_msg=path)
