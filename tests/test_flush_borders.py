"""Flush-to-zero that another library set in a thread changes no bit, and stays set."""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.machine.team import threads
from rnnbp.numerics import Array
from tests.helpers import UseThreads

if not (sys.platform.startswith("linux") and platform.machine() == "x86_64"):
    pytest.skip("sets the flags of x86-64 through Linux's C library", allow_module_level=True)

HAS_LLVM = bool(find_spec("llvmlite"))
BACKENDS = ["interpreter", "numpy", *["llvm"] * HAS_LLVM]
MXCSR = slice(28, 32)
"""Where glibc and musl have it in fenv_t."""
FLUSH, DENORMALS_ARE_ZERO, UP = 1 << 15, 1 << 6, 2 << 13
C = ctypes.PyDLL(None)


@contextmanager
def mode(flags: int) -> Iterator[None]:
    kept, other = ctypes.create_string_buffer(64), ctypes.create_string_buffer(64)
    C.fegetenv(kept)
    C.fegetenv(other)
    now = int.from_bytes(other.raw[MXCSR], "little") | flags
    other[MXCSR] = now.to_bytes(4, "little")
    C.fesetenv(other)
    try:
        yield
    finally:
        C.fesetenv(kept)


def flushes() -> bool:
    return bool(np.float32(1e-38) * np.float32(0.1) == 0)


X = np.random.default_rng(0).standard_normal((250, 4, 4)).astype(np.float32)
LAST = np.zeros((250, 4), bool)
LAST[-1] = True


def gradients(backend: str) -> Array:
    """The gradients by x of a loss of the last step: many are subnormal."""
    model = rb.Sequential(rb.LSTM(4, 16, rng=0), rb.Dense(16, 1, rng=1))
    found = rb.bptt(
        model, X, X[..., :1] * 0, rb.losses.MeanSquaredError(), mask=LAST, backend=backend
    )
    assert found.dx is not None
    return found.dx


@pytest.mark.long
@pytest.mark.one_in(6)
@pytest.mark.parametrize("flags", [FLUSH, DENORMALS_ARE_ZERO, FLUSH | DENORMALS_ARE_ZERO], ids=hex)
@pytest.mark.parametrize("count", ["1", "2"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_gradients(backend: str, count: str, flags: int, use_threads: UseThreads) -> None:
    use_threads(count)
    expected = gradients(backend)
    exact = gradients("interpreter")  # kernels flush deltas themselves
    assert ((exact != 0) & (np.abs(exact) < np.finfo(np.float32).tiny)).any()
    with mode(flags):
        found, after = gradients(backend), flushes()
    np.testing.assert_array_equal(found.view(np.uint32), expected.view(np.uint32))
    assert after
    assert not flushes()


def stepped() -> Any:
    params = {"p": np.full(200_000, 1e-37, np.float32)}
    rule = rb.optim.Adam(params, learning_rate=1e-38)
    for g in (1e-38, 1e-19, 3e-39):
        rule.step({"p": np.full(200_000, g, np.float32)})
    return params["p"], rule.state_dict()["adam.v/p"]


def test_updates() -> None:
    expected = stepped()
    with mode(FLUSH | DENORMALS_ARE_ZERO):
        found = stepped()
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.skipif(not HAS_LLVM, reason="needs llvmlite")
def test_threads_that_begin_while_it_is_set(
    monkeypatch: pytest.MonkeyPatch, use_threads: UseThreads
) -> None:
    """A thread inherits the mode of the one that begins it; here nobody has set it back before."""
    from rnnbp.machine import arrays

    use_threads(4)
    monkeypatch.setattr(threads, "_team", threads._Team())
    x = np.full(2**19, 1e-40, np.float32)
    expected = float(np.square(x.astype(np.float64)).sum())
    for flags in (FLUSH | DENORMALS_ARE_ZERO, UP):
        with mode(flags):
            found = [arrays.extents([x])[0][1] for _ in range(20)]
            kept = ctypes.create_string_buffer(64)
            C.fegetenv(kept)
        assert int.from_bytes(kept.raw[MXCSR], "little") & flags == flags
        assert found == [pytest.approx(expected, rel=1e-9)] * 20
        assert len(set(found)) == 1


def test_it_is_still_set_after_an_exception() -> None:
    seen = []

    def loss(y: Array, target: Any) -> Any:
        seen.append(flushes())
        raise KeyboardInterrupt

    with mode(FLUSH):
        with pytest.raises(KeyboardInterrupt):
            rb.bptt(rb.RNN(4, 2, rng=0), X[:3], None, loss)
        seen.append(flushes())
    assert seen == [False, True]
