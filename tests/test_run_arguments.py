"""Arguments of a run that do not fit, and numbers that are found only late in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.plain_layers import rand, weighted

LATE: dict[str, tuple[Any, type[Exception], str]] = {
    "horizon 0 with a chunk": (
        lambda: run(chunk=2, horizon=0),
        ValueError,
        "horizon must be at least 1, found 0",
    ),
    "horizon of text": (
        lambda: run(chunk=2, horizon="4"),
        TypeError,
        "horizon must be an integer, found '4'",
    ),
    "horizon 2.0": (
        lambda: run(chunk=2, horizon=2.0),
        TypeError,
        "horizon must be an integer, found 2.0",
    ),
    "beyond float32": (
        lambda: run(x=np.full((100, 2, 3), 1e300)),
        ValueError,
        r"x is 1e\+300 at \[0, 0, 0\], beyond float32",
    ),
    "state beyond float32": (
        lambda: run(state=(np.full((2, 4), 1e300),)),
        ValueError,
        r"state 0, h is 1e\+300 at \[0, 0\], beyond",
    ),
    "no pair": (
        lambda: run(loss=lambda y, t: 0.0),
        TypeError,
        r"must return \(value, dy\), found float",
    ),
    "no value": (
        lambda: run(loss=lambda y, t: (None, y)),
        TypeError,
        "returned the value None; it must be a real number",
    ),
    "complex value": (lambda: run(loss=lambda y, t: (1j, y)), TypeError, "returned the value 1j"),
    "NaN late": (lambda: run(loss=nan_late), ValueError, r"returned dy = nan at \[70, 1, 2\]"),
}


def run(x: Any = None, loss: Any = weighted, **options: Any) -> Any:
    return rb.bptt(
        rb.GRU(3, 4, rng=0), rand(100, 2, 3) if x is None else x, rand(100, 2, 4), loss, **options
    )


def nan_late(y: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    dy = np.zeros_like(y)
    if np.array_equal(target, rand(100, 2, 4)[64:96]):
        dy[6, 1, 2] = np.nan
    return 0.0, dy


@pytest.mark.parametrize("case", LATE)
def test_errors_of_arguments(case: str) -> None:
    make, error, message = LATE[case]
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("inside", [True, False])
def test_a_late_symbol_out_of_range_is_found_before_anything_runs(inside: bool) -> None:
    x, h = rb.Input(()), rb.State(3)
    cell = rb.Cell(x, {h: rb.Tanh()(rb.Embedding(7, 3)(x) + h)}, output=h)
    model = rb.Recurrent(cell) if inside else rb.Sequential(rb.Embedding(7, 3), rb.RNN(3, 3))
    symbols = np.zeros((100, 2), int)
    symbols[70, 1] = 9
    with pytest.raises(IndexError, match=r"found 9 at \[70, 1\] of shape \(100, 2\)"):
        rb.bptt(model, symbols, rand(100, 2, 3), weighted)
