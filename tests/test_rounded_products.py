"""Products of pairs of bfloat16 by themselves: packing, sums, special numbers; needs llvmlite."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from rnnbp.compiler.weights import Matrix, Rows
from rnnbp.machine import bfloat16
from rnnbp.machine.compile import Library
from rnnbp.machine.target import vector_bytes
from rnnbp.numerics import address
from rnnbp.runners.llvm import blocks, rounded_products
from rnnbp.runners.llvm.packing import Panels, fill
from tests.helpers import reals
from tests.rounding import product, rounded

pytest.importorskip("llvmlite")
pytestmark = pytest.mark.alike

WAYS = {
    "native": bfloat16.Native(),
    "emulated": bfloat16.arithmetic(by_instruction=False),
    "without a state": bfloat16.Stateless(),
}
"""By name what rounds and multiplies; the last is of processors other than x86."""


@cache
def library(way: str) -> Library:
    rows, vectors = blocks.block_of(vector_bytes())
    found, needs = rounded_products.text(bfloat16.lanes(), rows, vectors, WAYS[way])
    return Library("\n".join([*sorted(needs), *found]))


def known(way: str) -> Library:
    """The functions by this way; the test is skipped where the processor does not have it."""
    if way == "native" and not bfloat16.native():
        pytest.skip("the processor has no instructions for bfloat16")
    return library(way)


@pytest.fixture(params=WAYS)
def functions(request: pytest.FixtureRequest) -> Library:
    return known(request.param)


def packed(functions: Library, parts: list[np.ndarray], turned: bool) -> Any:
    """The panels of parts one below the other, in memory that begins with other numbers."""
    owner = {str(k): part for k, part in enumerate(parts)}
    rows = tuple(Rows(owner, k, 0, len(part), 1.0) for k, part in owner.items())
    lanes = bfloat16.lanes()
    new = lambda shape: np.full(shape, np.nan, np.float32)  # noqa: E731
    made = Panels([Matrix(rows, turned=turned)], new, lanes, functions, pairs=True)
    fill([made], 2)
    return made.arrays[0]


def multiplied(functions: Library, a: Any, panels: Any, columns: int, start: Any) -> Any:
    """The product, in an array with more columns, which stay as they are."""
    rows, depth = a.shape
    out = np.full((rows, columns + 3), 7, np.float32)
    functions.function("product", 10)(
        address(a), depth, address(panels), columns, depth, address(out), columns + 3,
        address(start), 0, rows,
    )  # fmt: skip
    assert (out[:, columns:] == 7).all()
    return out[:, :columns]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("parts", "other", "rows"),
    [([70], 33, 1), ([3, 5, 1], 17, 7), ([64, 65], 640, 70), ([1, 1], 1, 1), ([130, 301], 9, 13)],
)
def test_products(
    functions: Library, parts: list[int], other: int, rows: int, turned: bool
) -> None:
    """Against NumPy's; parts of a turned matrix begin in the middle of pairs."""
    weights = [reals(n, other, dtype="float32", seed=n) for n in parts]
    whole = np.concatenate(weights)
    matrix = whole.T if turned else whole
    columns, depth = matrix.shape
    a, start = (reals(*s, dtype="float32", seed=3) for s in ((rows, depth), (columns,)))
    panels = packed(functions, weights, turned)
    for first in (None, start):
        expected = product(a, matrix.T) + (0 if first is None else first)
        found = multiplied(functions, a, panels, columns, first)
        assert np.abs(found - expected).max() < 2e-6 * np.sqrt(depth) * np.abs(expected).max()


@pytest.mark.parametrize("shape", [(1, 5, 3), (7, 97, 65), (513, 8, 130), (256, 193, 1)])
def test_gradients(functions: Library, shape: tuple[int, int, int]) -> None:
    rows, m, k = shape
    d, x = (reals(rows, n, dtype="float32", seed=n) for n in (m, k))
    out = np.full((m, k + 2), 3, np.float32)
    functions.function("gradient", 9)(address(d), m, address(x), k, rows, m, k, address(out), k + 2)
    expected = product(d.T, x) + 3
    assert np.abs(out[:, :k] - expected).max() < 2e-6 * np.sqrt(rows) * np.abs(expected).max()
    assert (out[:, k:] == 3).all()


def tiny(*shape: int, seed: int) -> Any:
    """Numbers whose products are about as small as float32 can be, some subnormal."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, shape) << 31 | rng.integers(0, 2**23, shape)
    exponents = rng.choice([0, 1, 50, 55, 60, 64, 72, 76], shape) << 23
    return (bits | exponents).astype(np.uint32).view(np.float32)


def special(*shape: int, seed: int) -> Any:
    """Numbers with infinities, NaN, and those that round up to infinity or to the next power."""
    found = reals(*shape, dtype="float32", seed=seed)
    rng = np.random.default_rng(seed)
    others = np.array([np.inf, -np.inf, np.nan, 3.4e38, -3.4e38, 1.9999999, 0, -0.0], np.float32)
    where = rng.random(shape) < 0.02
    return np.where(where, rng.choice(others, shape), found).astype(np.float32)


@pytest.mark.parametrize("numbers", [tiny, special])
@pytest.mark.parametrize("way", ["emulated", "without a state"])
def test_every_way_has_the_bits_of_the_instructions(numbers: Any, way: str) -> None:
    a, weights, start = numbers(40, 37, seed=0), numbers(150, 37, seed=1), numbers(150, seed=2)
    found = []
    for each in (known("native"), known(way)):
        panels = packed(each, [weights], False)
        y = multiplied(each, a, panels, 150, start)
        total = numbers(150, 37, seed=3)
        given = address(y.copy()), 150, address(a), 37, 40, 150, 37, address(total), 37
        each.function("gradient", 9)(*given)
        found.append((panels.view(np.uint32), y, total))
    (panels, *native), (own, *others) = found
    assert (panels == own).all()
    for one, other in zip(native, others, strict=True):
        same = (one.view(np.uint32) == other.view(np.uint32)) | (np.isnan(one) & np.isnan(other))
        assert same.all()


def test_numpys_rounding_is_that_of_the_library() -> None:
    """Of 2¹⁶ numbers around each border: what the oracle of these tests rounds by."""
    upper = np.arange(2**16, dtype=np.uint32) << 16
    for lower in (0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF):
        x = (upper | np.uint32(lower)).view(np.float32)[:, None]
        panels = packed(library("emulated"), [x], False).view(np.uint32)
        same = panels << 16 == rounded(x)[:, 0].view(np.uint32)
        assert same.all()
