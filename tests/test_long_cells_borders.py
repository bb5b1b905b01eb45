"""Kernels of long cells, which are put down in parts that call functions.

The bits are those of one piece.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import UseThreads

pytest.importorskip("llvmlite")
source = pytest.importorskip("rnnbp.runners.llvm.source")

LOSS = rb.losses.MeanSquaredError()


def gates(n: int, dtype: str) -> rb.Recurrent:
    """Products, sums and slow functions, with two states."""
    x, h, c = rb.Input(5), rb.State(n, "h"), rb.State(n, "c")
    i, f, u = (rb.Dense((5, n), n, rng=k, dtype=dtype)(x, h) for k in range(3))
    new = rb.Sigmoid()(f) * c + rb.Sigmoid()(i) * rb.Tanh()(u)
    out = rb.Tanh()(rb.Tanh()(new)) * rb.ReLU()(rb.Dense(n, n, rng=4, dtype=dtype)(u))
    return rb.Recurrent(
        rb.Cell(x, {h: out, c: new}, output=rb.Dense(n, 3, rng=5, dtype=dtype)(out))
    )


def norms(n: int, dtype: str) -> rb.Recurrent:
    """Reductions of two sizes and two eps, and products that follow one another."""
    x, h = rb.Input(5), rb.State(n, "h")
    a = rb.LayerNorm(n, dtype=dtype)(rb.Dense((5, n), n, rng=0, dtype=dtype)(x, h))
    b = rb.LayerNorm(n, eps=0.01, dtype=dtype)(rb.Tanh()(rb.Dense(n, n, rng=1, dtype=dtype)(a)))
    c = rb.LayerNorm(3, dtype=dtype)(rb.Dense(n, 3, rng=2, dtype=dtype)(h))
    out = rb.Softmax()(b) * rb.Sigmoid()(a) + rb.Softmax()(rb.Dense(3, n, rng=3, dtype=dtype)(c))
    return rb.Recurrent(rb.Cell(x, {h: out}, output=rb.Dense(n, 3, rng=5, dtype=dtype)(out)))


def symbols(n: int, dtype: str) -> rb.Sequential:
    """A table that is looked up."""
    rnn = rb.GRU(5, n, rng=1, dtype=dtype)
    return rb.Sequential(
        rb.Embedding(4, 5, rng=0, dtype=dtype), rnn, rb.Dense(n, 3, rng=2, dtype=dtype)
    )


MODELS: dict[str, Callable[[int, str], Any]] = {f.__name__: f for f in (gates, norms, symbols)}


def run(build: Callable[[int, str], Any], n: int, dtype: str, checkpoint: Any) -> Any:
    rng = np.random.default_rng(0)
    model, target = build(n, dtype), rng.normal(size=(11, 4, 3)).astype(dtype)
    symbolic, real = rng.integers(0, 4, (11, 4)), rng.normal(size=(11, 4, 5)).astype(dtype)
    x = symbolic if build is symbols else real
    return rb.bptt(model, x, target, LOSS, chunk=3, checkpoint=checkpoint, backend="llvm")


HOW = [
    (21, "float32", "1", "sqrt"),
    (21, "float32", "2", rb.schedules.ThinTapes(4, 2)),
    (7, "float64", "2", "sqrt"),
]


@pytest.mark.long
@pytest.mark.one_in(6)
@pytest.mark.parametrize(("n", "dtype", "threads", "checkpoint"), HOW, ids=str)
@pytest.mark.parametrize("name", MODELS)
def test_the_bits_of_one_piece(
    name: str,
    n: int,
    dtype: str,
    threads: str,
    checkpoint: Any,
    monkeypatch: pytest.MonkeyPatch,
    use_threads: UseThreads,
) -> None:
    use_threads(threads)
    whole = run(MODELS[name], n, dtype, checkpoint)
    monkeypatch.setattr(source, "MOST", 1)
    monkeypatch.setattr(source, "PART", 2)
    found = run(MODELS[name], n, dtype, checkpoint)
    assert (found.loss, found.stats.peak_bytes) == (whole.loss, whole.stats.peak_bytes)
    for path, g in whole.grads.items():
        np.testing.assert_array_equal(found.grads[path], g, err_msg=path)
