"""Machine code outside cells: equal to NumPy's, by any number of threads and width of vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.numerics import address
from rnnbp.optim.extents import extents

pytest.importorskip("llvmlite", reason="needs llvmlite")

from rnnbp.machine import arrays, finite
from tests.helpers import reals
from tests.native_code import DTYPES, SIZES
from tests.native_code import backend as backend  # fixtures
from tests.native_code import width as width


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_extents(n: int, dtype: str) -> None:
    given = [reals(n, dtype=dtype), 3 * reals(5, 3, dtype=dtype, seed=1), np.zeros(0, dtype)]
    found = arrays.extents(given)
    for array, (largest, squares) in zip(given, found, strict=True):
        assert largest == np.abs(array).max(initial=0)
        assert squares == pytest.approx((array.astype(np.float64) ** 2).sum(), rel=1e-13)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [0, 16, 999])
def test_what_is_not_finite_is_seen_anywhere(bad: float, at: int, backend: str) -> None:
    for dtype in DTYPES:
        x, fine = reals(1000, dtype=dtype), reals(1000, dtype=dtype)
        x[at] = bad
        found = extents([fine, x, fine[::2]])
        assert [np.isnan(extent.largest) for extent in found] == [False, True, False], dtype
        assert found[2].largest == np.abs(fine[::2]).max()


def test_gradients_in_another_order_of_bytes(backend: str) -> None:
    """As a file of another machine may hold them."""
    for dtype in (">f4", "<f4", ">f8", "<f8"):
        grads = {"a": np.full(100, 3.0, dtype)}
        assert rb.optim.clip_norm(grads, 15.0) == 30
        np.testing.assert_array_equal(grads["a"], 1.5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("size", [finite.LARGE - 4, finite.LARGE + 1, 9 * arrays.TOGETHER + 4])
def test_the_first_number_that_is_not_finite(bad: float, size: int, backend: str) -> None:
    for dtype in DTYPES:
        x = reals(size // 5, 5, dtype=dtype)
        assert x.size == size
        assert finite.first_bad(x) is None
        for at in (0, 4099, x.size // 2, x.size - 1):
            broken = x.copy()
            broken.reshape(-1)[[at, -1]] = bad
            assert finite.first_bad(broken) == (at // 5, at % 5)
            assert finite.first_bad(broken.T) == (at % 5, at // 5)
    for dtype in (
        ">f4",
        "<f4",
        ">f8",
        "<f8",
    ):  # read in the wrong order of bytes a 1 and what is not finite are small
        ones = np.ones(size, dtype)
        ones[[7, -1]] = bad
        assert finite.first_bad(ones) == (7,)
    large = np.full(size, np.finfo("float64").max / 2)
    assert finite.first_bad(large) is None  # though the sum, and that of squares, overflow
    assert (
        finite.first_bad(np.full(size, 9e151)) is None
    )  # the squares of no task do, but their sum
    assert finite.first_bad(np.full(size, bad, "float16")) == (0,)
    assert finite.first_bad(np.arange(size)) is None


@pytest.mark.parametrize(
    ("backend", "expected"), [("llvm", [finite.LARGE]), ("numpy", [])], indirect=["backend"]
)
def test_large_arrays_are_looked_at_by_machine_code(
    backend: str, expected: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    whole = arrays.finite
    monkeypatch.setattr(arrays, "finite", lambda x: (seen.append(x.size), whole(x))[1])
    for size in (finite.LARGE - 1, finite.LARGE):
        assert finite.first_bad(np.zeros(size)) is None
    assert seen == expected


@pytest.mark.quick
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_finite(n: int, dtype: str) -> None:
    x = reals(n, dtype=dtype)
    x[0], x[-1] = np.finfo(dtype).max, -np.finfo(dtype).tiny / 2
    assert arrays.finite(x)
    for at in {0, n // 2, max(0, n - 9), n - 1}:
        for bad in (np.nan, -np.nan, np.inf, -np.inf):
            given = x.copy()
            given[at] = bad
            assert not arrays.finite(given)


def test_squares_that_overflow_are_no_bad_gradients(backend: str) -> None:
    grads = {"a": np.full(100, 1e200), "b": np.full(7, -3e200)}
    assert rb.optim.clip_norm(grads, 1.0) == pytest.approx(np.sqrt(163) * 1e200, rel=1e-12)
    np.testing.assert_allclose(grads["a"], 1 / np.sqrt(163), rtol=1e-12)


def test_arrays_that_may_share_memory() -> None:
    """As NumPy's bounds of memory have it."""
    w = reals(30, 40)
    views = [
        w[:10],
        w[10:],
        w[:, ::2],
        w[::-1],
        w[3:5, 4:].T,
        w[20:, 1],
        reals(7),
        np.zeros(()),
        w[5, 5, None],
    ]
    for a in views:
        for b in views:
            assert arrays.apart([a, b]) == (not np.may_share_memory(a, b, max_work=0))
    assert arrays.apart([w[20:], views[6], w[:10], np.zeros(0), w[10:20]])


def test_addresses_are_those_that_numpy_tells(tmp_path: Path) -> None:
    """Of arrays that are writable, read-only, strided, empty, without axes, and mapped."""
    whole = np.arange(60, dtype=np.float32).reshape(5, 12)
    frozen = whole.view()
    frozen.flags.writeable = False
    mapped = np.memmap(tmp_path / "x", np.float64, "w+", shape=(7, 3))
    arrays = [
        whole,
        frozen,
        whole[1:, ::3],
        whole[::-1],
        whole[:, :0],
        np.array(2.0),
        mapped,
        mapped[2:],
    ]
    for array in [*arrays, *(array.T for array in arrays)]:
        assert address(array) == array.__array_interface__["data"][0]
    assert address(whole[2:, 4:]) == address(whole) + 4 * (2 * 12 + 4)
    assert address(None) == 0
