"""Several threads draw the numbers that one draws."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="needs llvmlite")

from rnnbp.machine import philox, random_arrays, ziggurat
from rnnbp.numerics import Array

Fill = Callable[[Array, int, int, int, int], None]
KINDS = {
    "uniform": (random_arrays.uniform, philox.fill),
    "normal": (random_arrays.normal, ziggurat.fill),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("shape", [(1, 300_001), (2, 150_001), (5, 9, 6001), (4099, 65)])
def test_threads_change_no_bit(
    kind: str,
    dtype: str,
    threads: int,
    shape: tuple[int, ...],
    use_threads: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_threads(threads)
    monkeypatch.setattr(random_arrays, "SHARED", 2**17)
    shared, alone = KINDS[kind]
    found, expected = np.full((2, *shape), np.nan, dtype)
    shared(found, 2**63 + 11, 7 << 20, 2, 10**9)
    alone(expected, 2**63 + 11, 7 << 20, 2, 10**9)
    assert np.array_equal(found, expected)
