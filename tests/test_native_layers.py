"""Machine code of losses, layers and optimisers: the bits or the numbers of NumPy's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import rnnbp as rb

pytest.importorskip("llvmlite", reason="needs llvmlite")

from rnnbp.machine import arrays
from tests.helpers import reals
from tests.native_code import DTYPES, SIZES
from tests.native_code import backend as backend  # fixtures
from tests.native_code import width as width


@pytest.mark.quick
@pytest.mark.parametrize("rule", ["adam", "adam with a penalty", "adamw"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_adam_has_numpys_bits(
    rule: str, dtype: str, monkeypatch: pytest.MonkeyPatch, use_threads: Callable[[int], None]
) -> None:
    made: dict[str, Any] = {
        "adam": lambda p: rb.optim.Adam(p, 0.01),
        "adam with a penalty": lambda p: rb.optim.Adam(p, 0.01, weight_decay=0.1),
        "adamw": lambda p: rb.optim.AdamW(p, 0.01, weight_decay=0.1),
    }
    states = []
    for name, threads in (("numpy", 1), ("llvm", 1), ("llvm", 3)):
        monkeypatch.setenv("RNNBP_BACKEND", name)
        use_threads(threads)
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
    y[3, 1:2] = -np.inf
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
    assert not found[3, 1:2].any()


def test_softmax_where_there_is_nan_or_infinity() -> None:
    y = reals(4, 20)
    y[0, 17], y[1, 3], y[2] = np.nan, np.inf, -np.inf
    found = np.empty_like(y)
    top, total, _ = arrays.softmax(y, np.ones(4), np.zeros(4, np.int64), np.zeros(4), found)
    np.testing.assert_array_equal(np.isnan(found).all(axis=1), [True, True, True, False])
    np.testing.assert_array_equal(np.isnan(total), [True, True, True, False])
    np.testing.assert_array_equal(top, [np.nan, np.inf, -np.inf, y[3].max()])


def assert_cross_entropy_is_the_same_by_both(
    y: np.ndarray, mask: np.ndarray | None, smoothing: float
) -> None:
    rng, found = np.random.default_rng(0), []
    target = rng.integers(0, 21, y.shape[:2])
    loss = rb.losses.CrossEntropy(class_weight=rng.random(21), label_smoothing=smoothing)
    for name in ("numpy", "llvm"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RNNBP_BACKEND", name)
            found.append(loss.summed(y, target, mask))
    assert found[1][0] == pytest.approx(found[0][0], rel=1e-13)
    np.testing.assert_allclose(found[1][1], found[0][1], rtol=1e-13, atol=1e-15)


@pytest.mark.quick
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_the_same_by_both(smoothing: float) -> None:
    assert_cross_entropy_is_the_same_by_both(1e3 + 5 * reals(50, 3, 21), None, smoothing)


@pytest.mark.quick
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_under_a_mask_is_the_same_by_both(smoothing: float) -> None:
    y, known = 1e3 + 5 * reals(50, 3, 21), np.random.default_rng(1).random((50, 3)) > 0.3
    y[~known] = np.nan  # is not looked at
    assert_cross_entropy_is_the_same_by_both(y, known, smoothing)


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
