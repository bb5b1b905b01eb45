"""Sums over many chunks: their error does not grow, and no schedule changes their bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp import compensated
from rnnbp.bptt.run import Run
from rnnbp.numerics import Array

BACKENDS = ["interpreter", "numpy", *["llvm"] * bool(find_spec("llvmlite"))]
MAE, CE = rb.losses.MeanAbsoluteError(), rb.losses.CrossEntropy()
MANY = 2 * compensated.PART + 3
"""Chunks that make several parts, the last of them a short one."""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 7, 200])
def test_totals_are_exact_but_for_the_parts(
    n: int, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts without an error of their own, of very different sizes: the sum is rounded once."""
    monkeypatch.setattr(compensated, "BLOCK", 64)
    rng = np.random.default_rng(0)
    parts = [
        (rng.standard_normal(n) * 10.0 ** rng.integers(-6, 7, n)).astype(dtype) for _ in range(50)
    ]
    parts.append(-parts[3])
    part = np.zeros(n, dtype)
    total = compensated.totals(part)
    for one in parts:
        left = part.copy()
        part += one
        assert (np.abs(left) <= np.spacing(np.abs(total[:n]) + np.finfo(dtype).tiny)).all()
        compensated.end_part(part, total)
    compensated.close(part, total)
    exact = np.array([float(sum(Fraction(float(one[k])) for one in parts)) for k in range(n)])
    largest = np.abs(np.array(parts, np.float64)).max(axis=0) + np.abs(exact)
    assert (np.abs(part - exact) <= np.finfo(dtype).eps * largest).all()


def test_a_total_of_numbers() -> None:
    total, plain = compensated.Total(), compensated.Total()
    for _ in range(100_000):
        total.add(0.1)
    for _ in range(compensated.PART):
        plain.add(0.1)
    assert total.value == pytest.approx(10_000, rel=1e-14)
    assert plain.value == sum([0.1] * compensated.PART)


def constant(steps: int, backend: str, chunk: int = 1) -> float:
    """The gradient by the head's bias, which is 1: the sum of 1 / steps over all steps."""
    model = rb.Sequential(rb.RNN(1, 1, rng=1), rb.Dense(1, 1, rng=0))
    y = np.full((steps, 1, 1), 0.5, np.float32)
    found = rb.bptt(
        model,
        y,
        np.full_like(y, -9),
        MAE,
        chunk=chunk,
        checkpoint="sqrt",
        dx=False,
        backend=backend,
    )
    return float(found.grads["1.bias"][0])


@pytest.mark.parametrize(
    "backend", [pytest.param(BACKENDS[0], marks=pytest.mark.long), *BACKENDS[1:]]
)
def test_thousands_of_chunks(backend: str) -> None:
    """A plain sum of these is wrong by 1.4e-5, of 10⁵ chunks by over 1e-4."""
    assert constant(1501, backend) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    "backend", [pytest.param(BACKENDS[0], marks=pytest.mark.long), *BACKENDS[1:]]
)
def test_an_lstm_of_symbols(backend: str) -> None:
    """The rows of a table, summed by symbol for the whole run, among them; against float64."""
    x = np.random.default_rng(0).integers(0, 4, (1200, 1))
    wide = [rb.Embedding(4, 8, rng=0, dtype="float64"), rb.LSTM(8, 16, rng=1, dtype="float64")]
    narrow = [rb.Embedding(4, 8, rng=0), rb.LSTM(8, 16, rng=1)]
    exact = rb.Sequential(*wide, rb.Dense(16, 4, rng=2, dtype="float64"))
    model = rb.Sequential(*narrow, rb.Dense(16, 4, rng=2))
    for path, array in model.params.items():
        exact.params[path][...] = array
    expected = rb.bptt(exact, x, np.minimum(x, 2), CE, chunk=400, backend=backend)
    found = rb.bptt(model, x, np.minimum(x, 2), CE, chunk=2, checkpoint="sqrt", backend=backend)
    for path, g in expected.grads.items():
        assert np.abs(found.grads[path] - g).max() <= 6e-7 * np.abs(g).max(), path
    assert found.loss == pytest.approx(expected.loss, rel=1e-6)


def model() -> rb.Sequential:
    return rb.Sequential(
        rb.Embedding(4, 5, rng=0), rb.GRU(5, 6, rng=1, initial="learned"), rb.Dense(6, 4, rng=2)
    )


def tied() -> rb.Sequential:
    """A layer that is used twice."""
    dense = rb.Dense(5, 5, rng=3)
    return rb.Sequential(rb.Embedding(4, 5, rng=0), dense, rb.RNN(5, 5, rng=1), dense)


X = np.random.default_rng(1).integers(0, 4, (2 * MANY, 3))


def pieces(x: Array) -> Iterator[Array]:
    return (x[k : k + 7] for k in range(0, len(x), 7))


RUNS: dict[str, Callable[..., Any]] = {
    "sqrt": lambda m, **o: rb.bptt(m, X, X, CE, chunk=2, checkpoint="sqrt", **o),
    "binomial": lambda m, **o: rb.bptt(
        m, X, X, CE, chunk=2, checkpoint=rb.schedules.Revolve(MANY, 5), **o
    ),
    "known stream": lambda m, **o: rb.bptt(m, pieces(X), X, CE, chunk=2, steps=len(X), **o),
    "stream": lambda m, **o: rb.bptt(m, pieces(X), X, CE, chunk=2, **o),
    "online": lambda m, **o: rb.bptt(
        m, pieces(X), X, CE, chunk=2, checkpoint=rb.schedules.Online(4), **o
    ),
    "horizon": lambda m, **o: rb.bptt(m, X, X, CE, chunk=2, horizon=2 * MANY * 2, **o),
}


@pytest.mark.long
@pytest.mark.one_in(6)
@pytest.mark.parametrize("build", [model, tied])
@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_the_bits_of_any_schedule(
    backend: str, build: Any, use_threads: Callable[[int], None]
) -> None:
    expected = rb.bptt(build(), X, X, CE, chunk=2, backend=backend)
    for name, run in RUNS.items():
        use_threads(2 if name == "sqrt" else 1)
        found = run(build(), backend=backend)
        assert found.loss == expected.loss, name
        for path, g in expected.grads.items():
            np.testing.assert_array_equal(found.grads[path], g, err_msg=f"{name}: {path}")


@pytest.mark.long
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("chunks", [compensated.PART, compensated.PART + 1, MANY])
@pytest.mark.one_in(2)
def test_a_forecast_is_the_ledger(chunks: int, backend: str) -> None:
    how: Any = {"chunk": 2, "checkpoint": "sqrt", "backend": backend}
    found = rb.forecast(model(), CE, steps=2 * chunks, batch=3, **how)
    stats = rb.bptt(model(), X[: 2 * chunks], X[: 2 * chunks], CE, **how).stats
    assert (stats.peak_bytes, stats.peak_bytes_by_kind) == (
        found.peak_bytes,
        found.peak_bytes_by_kind,
    )
    size = sum(p.nbytes for p in model().params.values())
    assert stats.peak_bytes_by_kind["gradients"] == size + (chunks > compensated.PART) * (
        3 * size
    )  # totals and temporaries


@pytest.mark.long
@pytest.mark.parametrize("steps", [3_000, 30_000])
@pytest.mark.parametrize("chunk", [64, 1024])
def test_long_chunks_drift_as_little_as_short_ones(chunk: int, steps: int) -> None:
    model = rb.Sequential(rb.Embedding(4, 8, rng=0), rb.LSTM(8, 16, rng=1), rb.Dense(16, 4, rng=2))
    x = np.random.default_rng(0).integers(0, 4, (steps, 1))
    how: Any = {"chunk": chunk, "checkpoint": "sqrt"}
    exact = rb.bptt(model.astype("float64"), x, np.minimum(x, 2), CE, **how).grads
    found = rb.bptt(model, x, np.minimum(x, 2), CE, **how).grads
    errors = [np.abs(found[k] - exact[k]).max() / np.abs(exact[k]).max() for k in exact]
    assert max(errors) < 8e-7


@pytest.mark.long
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("steps", "parted"), [(1024, False), (1025, True)])
def test_a_part_is_so_many_steps(
    steps: int, parted: bool, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compensated, "STEPS", 1024)
    how: Any = {"chunk": 128, "checkpoint": "sqrt", "backend": backend}
    x = np.arange(3 * steps).reshape(steps, 3) % 4
    found = rb.forecast(model(), CE, steps=steps, batch=3, **how)
    stats = rb.bptt(model(), x, x, CE, **how).stats
    assert (stats.peak_bytes, stats.peak_bytes_by_kind) == (
        found.peak_bytes,
        found.peak_bytes_by_kind,
    )
    size = sum(p.nbytes for p in model().params.values())
    assert stats.peak_bytes_by_kind["gradients"] == size + parted * (3 * size)


def test_a_part_has_the_bits_of_a_plain_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    short = X[: 2 * compensated.PART]
    found = rb.bptt(model(), short, short, CE, chunk=2)
    monkeypatch.setattr(Run, "_end_part", lambda self: None)
    plain = rb.bptt(model(), short, short, CE, chunk=2)
    for path, g in plain.grads.items():
        np.testing.assert_array_equal(found.grads[path], g)
