"""Clipping by norm within the update, and by machine code: the bits of NumPy's clipping and Adam."""

from __future__ import annotations

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.machine import arrays

pytest.importorskip("llvmlite")

SIZES = (3, arrays.TOGETHER + 5, 5 * arrays.TOGETHER)
"""A part of a vector, more than a task, and enough for two threads."""


def drawn(dtype: str, seed: int, size: float = 1.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {str(n): (size * rng.standard_normal(n)).astype(dtype) for n in SIZES}


def same(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("rule", [rb.optim.Adam, rb.optim.AdamW, rb.optim.RMSProp])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_update_that_clips_is_clipping_and_then_the_update(
    rule, dtype, decay, threads, monkeypatch
):
    wanted, found = drawn(dtype, 0), drawn(dtype, 0)
    ours, theirs = (rule(p, 0.01, weight_decay=decay) for p in (found, wanted))
    for seed in (1, 2):
        g, h = drawn(dtype, seed), drawn(dtype, seed)
        largest = {name: float(np.abs(0.37 * each).max()) for name, each in g.items()}
        monkeypatch.setenv("RNNBP_BACKEND", "numpy")
        for each in h.values():
            each *= 0.37
        theirs.step(h)
        monkeypatch.setenv("RNNBP_BACKEND", "llvm")
        monkeypatch.setenv("RNNBP_NUM_THREADS", threads)
        ours.step_by(g, 0.01, largest, 0.37)
        same(g, h)
        same(found, wanted)
        same(ours.state_dict(), theirs.state_dict())


@pytest.mark.parametrize("clip", [1.0, 0.5])
@pytest.mark.parametrize("at", [0, SIZES[1] - 1])
def test_a_parameter_that_overflows_in_an_update_is_found(clip, at, monkeypatch):
    monkeypatch.setenv("RNNBP_BACKEND", "llvm")
    params = drawn("float32", 0)
    optimizer = rb.optim.Adam(params, 1.0)
    grads = drawn("float32", 1)
    largest = {name: float(np.abs(g).max()) for name, g in grads.items()}
    assert optimizer.step_by(grads, 1.0, largest, clip)
    params[str(SIZES[1])][at] = np.float32(3.4e38)
    grads[str(SIZES[1])][at] = -1
    assert not optimizer.step_by(grads, 3e38, largest, clip)


@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_threads_clip_by_the_norm_to_the_same_bits(dtype, threads, monkeypatch):
    monkeypatch.setenv("RNNBP_NUM_THREADS", threads)
    wanted, found = drawn(dtype, 0), drawn(dtype, 0)
    monkeypatch.setenv("RNNBP_BACKEND", "llvm")
    norm = rb.optim.clip_norm(found, 1.5)
    squares = sum(float((each.astype("float64") ** 2).sum()) for each in wanted.values())
    assert norm == pytest.approx(np.sqrt(squares), rel=1e-12)
    for each in wanted.values():
        each *= 1.5 / norm
    same(found, wanted)
