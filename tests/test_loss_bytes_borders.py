"""Bytes of losses.

Targets of streams under a mask, which are looked at together, and rows of a cross-entropy.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.traced_runs import off, pieces

STEPS, CLASSES = 28, 5
BACKENDS = ["numpy", "interpreter", *(["llvm"] if find_spec("llvmlite") else [])]
LOSSES: dict[str, Any] = {
    "classes": rb.losses.CrossEntropy(),
    "smoothed": rb.losses.CrossEntropy(label_smoothing=0.1),
    "numbers": rb.losses.Huber(),
}


def data(loss: str, batch: int, dtype: str) -> tuple[Any, Any, Any]:
    """x, a target and a mask."""
    numbers = np.random.default_rng(0)
    x, y = (numbers.normal(size=(STEPS, batch, n)).astype(dtype) for n in (8, CLASSES))
    return x, y if loss == "numbers" else y.argmax(axis=-1), numbers.random((STEPS, batch)) < 0.6


@pytest.mark.long
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.one_in(3)
def test_a_stream_under_a_mask(backend: str, loss: str) -> None:
    model = rb.GRU(8, CLASSES, dtype="float64", rng=0)
    given = data(loss, 128, "float64")

    def run() -> Any:
        x, target, mask = map(pieces, given)
        return rb.bptt(
            model, x, target, LOSSES[loss], mask=mask, steps=STEPS, chunk=1, backend=backend
        )

    assert off(run) == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.one_in(3)
def test_a_large_chunk_under_a_mask(backend: str, loss: str, dtype: str) -> None:
    """NumPy's sums to float64 take a buffer, and no product is made in place by itself."""
    layers = [
        rb.Dense(8, 13, dtype=dtype, rng=0),
        rb.Tanh(),
        rb.Dense(13, CLASSES, dtype=dtype, rng=1),
    ]
    x, target, mask = data(loss, 300, dtype)
    model = rb.Sequential(*layers)
    assert (
        off(
            lambda: rb.bptt(model, x, target, LOSSES[loss], mask=mask, chunk=STEPS, backend=backend)
        )
        == 0
    )
