"""Normal numbers by machine code have the bits of NumPy's; its tables are NumPy's to the last bit.

NumPy is asked by words of our choice: MT19937 returns what its state says, by a function that can
be inverted.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("llvmlite", reason="needs llvmlite")

from rnnbp.machine import ziggurat
from rnnbp.rng import Context

if not ziggurat.agrees():
    pytest.skip("NumPy draws otherwise here", allow_module_level=True)

WIDTHS, INSIDE, HEIGHTS = ziggurat.tables()
LAYERS = range(ziggurat.LAYERS)
WHOLE = 2**ziggurat.BITS


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [0, 1, 3, 7, 8, 9, 100, 1023])
def test_the_bits_are_those_of_numpy(n: int, dtype: str) -> None:
    for seed, place, step in ((0, 0, 0), (5, 3, 10**9), (2**63 + 11, 7 << 20, 4)):
        whole = np.full((6, n), np.nan, dtype)
        ziggurat.fill(whole[1:5], seed, place, 2, step)
        context = Context(seed=seed, step=step, length=4, place=place)
        assert np.array_equal(whole[1:5], context.normal((4, n), draw=2))
        assert np.isnan(whole[[0, 5]]).all()


def test_millions_of_numbers() -> None:
    """Of which some thousand lie in the tail, and the largest beyond 5."""
    found = np.empty((2, 2**21 + 3), "float32")
    ziggurat.fill(found, 3, 4, 0, 9)
    expected = Context(seed=3, step=9, length=2, place=4).normal(found.shape)
    assert np.array_equal(found, expected)
    assert np.abs(found).max() > 4.5


def untempered(word: int) -> int:
    """The state of MT19937 that returns a word."""
    word ^= word >> 18
    word ^= (word << 15) & 0xEFC60000
    found = word
    for _ in range(5):
        found = word ^ ((found << 7) & 0x9D2C5680)
    word = found = found & 0xFFFFFFFF
    for _ in range(3):
        found = word ^ (found >> 11)
    return found & 0xFFFFFFFF


class Words:
    """NumPy's normal numbers of words of one's own."""

    def __init__(self) -> None:
        self.bits = np.random.MT19937(0)
        self.state = self.bits.state

    def __call__(self, layer: int, spot: int, following: int = 0) -> tuple[float, int]:
        """A number, and how many words it took."""
        # In the tail a second word of 0 is far from it, and a third of ones ends the search.
        key = np.zeros(624, np.uint32)
        words = layer | (spot << 9), following << 8, 0xFFFFFFFF
        key[:3] = [untempered(word) for word in words]
        self.state["state"] = {"key": key, "pos": 0}
        self.bits.state = self.state
        x = np.random.Generator(self.bits).standard_normal(dtype=np.float32)
        return float(x), self.bits.state["state"]["pos"]


def test_widths_and_places_under_the_curve_are_those_of_numpy() -> None:
    draw = Words()
    for k in LAYERS:
        assert draw(k, WHOLE // 2)[0] == np.float32(WHOLE // 2) * WIDTHS[k]
        first, inside = draw(k, int(INSIDE[k]))[1], int(INSIDE[k]) - 1
        assert first > 1
        assert inside < 0 or draw(k, inside)[1] == 1


@pytest.mark.long
@pytest.mark.parametrize("part", [0.8, 0.3])
def test_heights_are_those_of_numpy(part: float) -> None:
    """By the word from which on NumPy refuses a place where a layer and the curve cross."""
    draw, one = Words(), np.float32(2.0**-24)
    for k in LAYERS[1:]:
        spot = int(INSIDE[k] + (WHOLE - int(INSIDE[k])) * part)
        x = float(np.float32(spot) * WIDTHS[k])
        low, high = 0, 2**24
        while low < high:
            middle = (low + high) // 2
            taken = draw(k, spot, middle)[1] == 2
            low, high = (middle + 1, high) if taken else (low, middle)
        heights = [
            float((HEIGHTS[k - 1] - HEIGHTS[k]) * (np.float32(u) * one) + HEIGHTS[k])
            for u in (low - 1, low)
        ]
        assert 0 < low < 2**24
        assert heights[0] < math.exp(-0.5 * x * x) <= heights[1]


def test_another_numpy_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ziggurat, "tables", lambda: (WIDTHS, INSIDE + np.uint32(9000), HEIGHTS))
    assert not ziggurat.agrees.__wrapped__()
    monkeypatch.setattr(ziggurat, "_functions", lambda: None)
    assert not ziggurat.agrees.__wrapped__()
