"""Compiling a cell calls no function more often than in proportion to its operations."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

pytestmark = pytest.mark.long

BACKENDS = ["numpy", *(["llvm"] if find_spec("llvmlite") else [])]
LAYERS: dict[str, Callable[[], rb.Layer]] = {
    "LayerNorm": lambda: rb.LayerNorm(2),
    "Softmax": rb.Softmax,
    "Dense": lambda: rb.Dense(2, 2, rng=0),
    "Tanh": rb.Tanh,
}
SEVERAL = 3
"""How many times longer the longer cell is."""
LEAST = 2000
"""Calls that count; fewer are those of tables of powers of two or once for a function."""


def cell(layer: str, n: int) -> rb.Recurrent:
    x, h = rb.Input(2), rb.State(2, "h")
    v = x + h
    for _ in range(n):
        v = LAYERS[layer]()(v)
    return rb.Recurrent(rb.Cell(x, {h: v}, v))


def calls(model: rb.Recurrent, backend: str) -> Counter[CodeType]:
    """How many times each function of the library is called, or goes on as a generator."""
    found, x = Counter[CodeType](), np.ones((2, 2, 2), np.float32)

    def note(frame: FrameType, event: str, arg: Any) -> None:
        found[frame.f_code] += event == "call" and "rnnbp" in frame.f_code.co_filename

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        rb.bptt(model, x, x, rb.losses.MeanSquaredError(), backend=backend)
    finally:
        sys.setprofile(before)
    return found


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of a few kernels: now and then it is trimmed, in calls for each of its files."""
    monkeypatch.setenv("RNNBP_KERNEL_CACHE", str(tmp_path))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "layer",
    [pytest.param("Softmax", marks=pytest.mark.grid), *(k for k in LAYERS if k != "Softmax")],
)
def test_calls_grow_with_the_operations(layer: str, backend: str) -> None:
    calls(cell(layer, 2), backend)  # what is made once a process
    few, many = calls(cell(layer, 20), backend), calls(cell(layer, 20 * SEVERAL), backend)
    assert max(many.values()) > LEAST
    worse = {
        f"{code.co_qualname}:{code.co_firstlineno}": (few[code], n)
        for code, n in many.items()
        if n > max(LEAST, 1.3 * SEVERAL * few[code])
    }
    assert worse == {}
