"""Sums over many chunks that overflow, or have infinite or NaN summands, are the plain sum."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp import compensated
from rnnbp.numerics import Array

BACKENDS = ["interpreter", "numpy", *["llvm"] * bool(find_spec("llvmlite"))]
INF, NAN = np.inf, np.nan
CHUNKS = 3 * compensated.PART + 5
MIDDLE = compensated.PART + 7


def summands(dtype: str) -> dict[str, Array]:
    """(chunks,) of each kind."""
    most, ones = float(np.finfo(dtype).max), np.ones(CHUNKS)
    one_at = {k: np.where(np.arange(CHUNKS) == k, 1.0, 0.0) for k in (0, 3, MIDDLE, CHUNKS - 1)}
    found = {
        "ones": ones,
        "large": ones * most / CHUNKS / 2,
        "overflow": ones * most / 100,
        "overflow below": -ones * most / 100,
        "overflow in the first part": ones * most / 10,
        "overflow, then less": np.where(np.arange(CHUNKS) < 2 * compensated.PART, most / 100, -1.0),
        "almost": np.where(np.arange(CHUNKS) % compensated.PART == 0, most / 4, 1.0),
    }
    for k, one in one_at.items():
        found |= {f"{value} at {k}": np.where(one > 0, value, 1.0) for value in (INF, -INF, NAN)}
    found["both"] = ones + np.where(one_at[3] > 0, INF, 0) - np.where(one_at[MIDDLE] > 0, INF, 0)
    found["infinite, then NaN"] = np.where(one_at[3] > 0, INF, np.where(one_at[MIDDLE] > 0, NAN, 1))
    found["infinite, then an overflow below"] = np.where(one_at[3] > 0, INF, -most / 4)
    return {name: array.astype(dtype) for name, array in found.items()}


@pytest.mark.parametrize("block", [4, compensated.BLOCK])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_totals(dtype: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All kinds next to one another: none touches its neighbours."""
    monkeypatch.setattr(compensated, "BLOCK", block)
    kinds = summands(dtype)
    each = np.array(list(kinds.values())).T
    part, total = np.zeros(len(kinds), dtype), compensated.totals(np.zeros(len(kinds), dtype))
    with np.errstate(over="ignore", invalid="ignore"):
        for chunk in each[: compensated.PART]:
            part += chunk
        for start in range(compensated.PART, len(each), compensated.PART):
            compensated.end_part(part, total)
            for chunk in each[start : start + compensated.PART]:
                part += chunk
        compensated.close(part, total)
        plain = np.zeros(len(kinds), dtype)
        for chunk in each:
            plain += chunk
    for name, found, expected in zip(kinds, part, plain, strict=True):
        np.testing.assert_allclose(found, expected, rtol=200 * np.finfo(dtype).eps, err_msg=name)


@pytest.mark.parametrize("name", summands("float64"))
def test_a_total_of_numbers(name: str) -> None:
    total, turned, plain = compensated.Total(), compensated.Total(), 0.0
    for value in summands("float64")[name].tolist():
        total.add(value)
        turned.add(complex(1.0, value))
        plain += value
    np.testing.assert_allclose(total.value, plain, rtol=1e-13)
    np.testing.assert_allclose(turned.value.imag, plain, rtol=1e-13)
    assert turned.value.real == CHUNKS


def run(backend: str, dtype: str, scale: float, checkpoint: Any = "sqrt") -> Any:
    """A head whose gradients are ``scale`` a step; the loss is that too."""
    model = rb.Sequential(rb.RNN(1, 1, rng=1, dtype=dtype), rb.Dense(1, 2, rng=0, dtype=dtype))
    x = np.full((CHUNKS, 1, 1), 0.5, dtype)
    deltas = np.array([scale, 1.0], dtype)

    def loss(y: Array, _: Any) -> tuple[Any, Array]:
        return scale * len(y), np.broadcast_to(deltas, y.shape).copy()

    return rb.bptt(model, x, None, loss, chunk=1, checkpoint=checkpoint, dx=False, backend=backend)


@pytest.mark.long
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_gradients_that_overflow(backend: str, dtype: str, sign: int) -> None:
    """Of two biases the one is infinite, and the other the number of steps."""
    found = run(backend, dtype, sign * float(np.finfo(dtype).max) / 100)
    np.testing.assert_array_equal(found.grads["1.bias"], [sign * INF, CHUNKS])
    assert found.grads["1.weight"][0] == sign * INF * np.sign(found.grads["1.weight"][1])
    assert found.loss == pytest.approx(sign * float(np.finfo(dtype).max) / 100 * CHUNKS)
