"""Uniform numbers by machine code have the bits of NumPy's, of any seed, place, step and draw."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="needs llvmlite")

from rnnbp.machine import philox
from rnnbp.rng import Context

SEEDS = [0, 5, 2**32, 2**63 - 1, 2**63 + 11, 2**64 - 1]
PLACES = [0, 3, (2**20 + 7) << 20]


@pytest.mark.quick
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [0, 1, 3, 7, 8, 9, 17, 1000])
def test_the_bits_are_those_of_numpy(n: int, dtype: str) -> None:
    for k, seed in enumerate(SEEDS):
        place, step, draw = PLACES[k % 3], 10 ** (2 * k), k
        whole = np.full((6, n), np.nan, dtype)
        philox.fill(whole[1:5], seed, place, draw, step)
        context = Context(seed=seed, step=step, length=4, place=place)
        assert np.array_equal(whole[1:5], context.uniform((4, n), draw=draw))
        assert np.isnan(whole[[0, 5]]).all()


def test_a_million_numbers_of_a_step() -> None:
    found = np.empty((1, 2**20 + 5), "float32")
    philox.fill(found, 3, 4, 0, 9)
    assert np.array_equal(found[0], Context(seed=3, step=9, place=4).uniform((2**20 + 5,)))
    assert 0 <= found.min() < found.max() < 1
