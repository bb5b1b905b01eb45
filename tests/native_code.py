"""Machine code with vectors of any width, and arrays for it; only where llvmlite is installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rnnbp.machine import arrays, elementwise, target

SIZES = [1, 7, 16, 17, 1000, arrays.TOGETHER, 3 * arrays.TOGETHER + 5]
DTYPES = ["float32", "float64"]


@pytest.fixture(params=[16, 32, 64], autouse=True)
def width(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Bytes of vectors that this processor has."""
    if request.param > target.vector_bytes():
        pytest.skip("this processor has no such vectors")
    monkeypatch.setattr(elementwise, "vector_bytes", lambda: request.param)
    elementwise.library.cache_clear()
    yield
    elementwise.library.cache_clear()


@pytest.fixture(params=["llvm", "numpy"])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The backend that is named by the environment."""
    monkeypatch.setenv("RNNBP_BACKEND", request.param)
    return str(request.param)
