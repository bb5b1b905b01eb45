"""Machine code for what lies outside cells: equal to NumPy's, by any number of threads and any width of vectors."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import special

import rnnbp as rb
from rnnbp.numerics import Array, address
from rnnbp.optim.parameters import extents

if not find_spec("llvmlite"):
    pytest.skip("needs llvmlite", allow_module_level=True)

from rnnbp.machine import arrays, elementwise, finite, target

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
    monkeypatch.setenv("RNNBP_BACKEND", request.param)
    return str(request.param)


def reals(*shape: int, dtype: str = "float64", seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


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


def test_large_arrays_are_looked_at_by_machine_code(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    squares = arrays.squares
    monkeypatch.setattr(arrays, "squares", lambda x: (seen.append(x.size), squares(x))[1])
    for size in (finite.LARGE - 1, finite.LARGE):
        assert finite.first_bad(np.zeros(size)) is None
    assert seen == ([finite.LARGE] if backend == "llvm" else [])


@pytest.mark.quick
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_squares(n: int, dtype: str) -> None:
    x = reals(n, dtype=dtype)
    assert arrays.squares(x) == pytest.approx((x.astype(np.float64) ** 2).sum(), rel=1e-13)


def test_squares_that_overflow_are_no_bad_gradients(backend: str) -> None:
    grads = {"a": np.full(100, 1e200), "b": np.full(7, -3e200)}
    assert rb.optim.clip_norm(grads, 1.0) == pytest.approx(np.sqrt(163) * 1e200, rel=1e-12)
    np.testing.assert_allclose(grads["a"], 1 / np.sqrt(163), rtol=1e-12)


@pytest.mark.quick
@pytest.mark.parametrize("rule", ["adam", "adam with a penalty", "adamw"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_adam_has_numpys_bits(rule: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, Any] = {
        "adam": lambda p: rb.optim.Adam(p, 0.01),
        "adam with a penalty": lambda p: rb.optim.Adam(p, 0.01, weight_decay=0.1),
        "adamw": lambda p: rb.optim.AdamW(p, 0.01, weight_decay=0.1),
    }
    states = []
    for name, threads in (("numpy", "1"), ("llvm", "1"), ("llvm", "3")):
        monkeypatch.setenv("RNNBP_BACKEND", name)
        monkeypatch.setenv("RNNBP_NUM_THREADS", threads)
        params = {str(n): reals(n, dtype=dtype, seed=n) for n in SIZES}
        params |= {"turned": reals(5, 8, dtype=dtype).T}  # runs by NumPy
        optimizer = made[rule](params)
        for k in range(3):
            optimizer.step(
                {key: reals(*p.shape, dtype=dtype, seed=k + 1) for key, p in params.items()}
            )
        states.append(params | optimizer.state_dict())
    for other in states[1:]:
        for key, array in states[0].items():
            np.testing.assert_array_equal(other[key], array, err_msg=key)


@pytest.mark.parametrize("k", [1, 2, 15, 16, 17, 100, 20000])
@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax(k: int, dtype: str) -> None:
    y, factors, less = (
        10 * reals(37, k, dtype=dtype),
        reals(37, dtype=dtype, seed=1),
        reals(37, dtype=dtype, seed=2),
    )
    which = np.random.default_rng(3).integers(0, k, 37)
    which[3], n = 0, np.arange(37)
    if k > 1:
        y[3, 1] = -np.inf
    found = np.empty_like(y)
    top, total, at = arrays.softmax(y, factors, which, less, found)
    np.testing.assert_array_equal(at, y[n, which] - top)
    shifted = (y - y.max(axis=1, keepdims=True)).astype(np.float64)
    np.testing.assert_array_equal(top, y.max(axis=1))
    tolerance = 8 * np.finfo(dtype).eps * (1 + k**0.5 / 4)
    np.testing.assert_allclose(total, np.exp(shifted).sum(axis=1), rtol=tolerance)
    wanted = special.softmax(shifted, axis=1) * factors[:, None]
    np.testing.assert_allclose(
        found[n, which], wanted[n, which] - less, rtol=tolerance, atol=tolerance
    )
    found[n, which] = wanted[n, which]
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=1e-37)
    if k > 1:
        assert found[3, 1] == 0


def test_softmax_where_there_is_nan_or_infinity() -> None:
    y = reals(4, 20)
    y[0, 17], y[1, 3], y[2] = np.nan, np.inf, -np.inf
    found = np.empty_like(y)
    top, total, _ = arrays.softmax(y, np.ones(4), np.zeros(4, np.int64), np.zeros(4), found)
    np.testing.assert_array_equal(np.isnan(found).all(axis=1), [True, True, True, False])
    np.testing.assert_array_equal(np.isnan(total), [True, True, True, False])
    np.testing.assert_array_equal(top, [np.nan, np.inf, -np.inf, y[3].max()])


@pytest.mark.quick
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("masked", [False, True])
def test_cross_entropy_is_the_same_by_both(
    smoothing: float, masked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    y, rng, found = 1e3 + 5 * reals(50, 3, 21), np.random.default_rng(0), []
    target, mask = rng.integers(0, 21, (50, 3)), rng.random((50, 3)) > 0.3 if masked else None
    if mask is not None:
        y[~mask] = np.nan  # is not looked at
    loss = rb.losses.CrossEntropy(class_weight=rng.random(21), label_smoothing=smoothing)
    for name in ("numpy", "llvm"):
        monkeypatch.setenv("RNNBP_BACKEND", name)
        found.append(loss.summed(y, target, mask))
    assert found[1][0] == pytest.approx(found[0][0], rel=1e-13)
    np.testing.assert_allclose(found[1][1], found[0][1], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("kind", ["uint8", "int32", "int64"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_embedding_gradient_has_the_bits_of_a_sparse_product(
    kind: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, x, found = (
        rb.Embedding(30, 19, dtype=dtype, rng=0),
        np.random.default_rng(0).integers(0, 30, (40, 5)),
        [],
    )
    y, saved = layer.forward(x.astype(kind))
    np.testing.assert_array_equal(y, layer.params["weight"][x])
    for name in ("numpy", "llvm"):
        monkeypatch.setenv("RNNBP_BACKEND", name)
        found.append(layer.backward_params(saved, reals(*y.shape, dtype=dtype))["weight"])
    np.testing.assert_array_equal(*found)


def test_an_embedding_refuses_deltas_that_are_not_its_own(backend: str) -> None:
    layer = rb.Embedding(5, 3, rng=0)
    _, saved = layer.forward(np.zeros(4, int))
    with pytest.raises(
        rb.ShapeError, match=r"Embedding\(5, 3\): dy must have 4 rows, one for each symbol, found 8"
    ):
        layer.backward_params(saved, np.ones((8, 3), np.float32))


def test_symbols_that_change_after_the_forward_pass_are_refused(backend: str) -> None:
    layer, x = rb.Embedding(5, 3, rng=0), np.zeros(4, int)
    _, saved = layer.forward(x)
    x[2] = 10**9
    with pytest.raises(IndexError, match=r"(input|symbols) must lie in"):
        layer.backward_params(saved, np.ones((4, 3), np.float32))


def test_parameters_that_share_memory_are_updated_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = []
    for name in ("numpy", "llvm"):
        monkeypatch.setenv("RNNBP_BACKEND", name)
        w = reals(300, 300)
        optimizer = rb.optim.Adam({"t": w[:, ::2], "a": w, "b": w.reshape(-1), "c": w[100:]}, 0.1)
        grads = {
            "a": reals(300, 300, seed=1),
            "b": reals(90000, seed=2),
            "c": reals(200, 300, seed=3),
        }
        optimizer.step(grads | {"t": reals(300, 150, seed=4)})
        found.append(w)
    np.testing.assert_array_equal(*found)


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
    """Of arrays that can be written, read alone, with strides, without elements or axes, and mapped."""
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
