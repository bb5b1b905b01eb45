"""Values of convolutions and pooling, next to a definition by loops."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest

from rnnbp import layers as L  # noqa: N812
from rnnbp.numerics import Array


def naive_convolution(
    x: Array, weight: Array, bias: Array, stride: Any, before: Any, after: Any, dilation: Any
) -> Array:
    """x (B, C, H, W), one multiplication at a time; an element outside x is 0."""
    n_out, n_in, kh, kw = weight.shape
    sizes = [
        (n + before[a] + after[a] - dilation[a] * (k - 1) - 1) // stride[a] + 1
        for a, (n, k) in enumerate(zip(x.shape[2:], (kh, kw), strict=True))
    ]
    y = np.zeros((len(x), n_out, *sizes))
    for n, o, i, j in np.ndindex(y.shape):
        total = bias[o]
        for c, u, v in product(range(n_in), range(kh), range(kw)):
            row = i * stride[0] + u * dilation[0] - before[0]
            column = j * stride[1] + v * dilation[1] - before[1]
            if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:
                total += weight[o, c, u, v] * x[n, c, row, column]
        y[n, o, i, j] = total
    return y


CONVOLUTIONS = [
    # kernel, stride, padding argument, (before, after) it means, dilation
    ((1, 1), (1, 1), 0, ((0, 0), (0, 0)), (1, 1)),
    ((2, 3), (1, 1), 0, ((0, 0), (0, 0)), (1, 1)),
    ((3, 2), (2, 3), (1, 2), ((1, 2), (1, 2)), (1, 1)),
    ((2, 2), (1, 2), 1, ((1, 1), (1, 1)), (2, 3)),
    ((3, 3), (1, 1), "same", ((1, 1), (1, 1)), (1, 1)),
    ((2, 4), (1, 1), "same", ((0, 1), (1, 2)), (1, 1)),
    ((2, 3), (1, 1), "same", ((1, 2), (1, 2)), (2, 2)),
    ((3, 2), (3, 1), "valid", ((0, 0), (0, 0)), (1, 1)),
]


@pytest.mark.quick
@pytest.mark.parametrize("setting", CONVOLUTIONS, ids=str)
def test_convolution_in_two_dimensions(setting: Any) -> None:
    kernel, stride, padding, (before, after), dilation = setting
    layer = L.Conv2D(
        2, 3, kernel, stride=stride, padding=padding, dilation=dilation, dtype="float64", rng=0
    )
    x = np.random.default_rng(1).normal(size=(2, 2, 6, 5))
    expected = naive_convolution(
        x, layer.params["weight"], layer.params["bias"], stride, before, after, dilation
    )
    np.testing.assert_allclose(layer(x), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.quick
@pytest.mark.parametrize(
    "setting", [setting for setting in CONVOLUTIONS if setting[2] == "same"], ids=str
)
def test_the_same_padding_keeps_the_size(setting: Any) -> None:
    kernel, stride, padding, _, dilation = setting
    layer = L.Conv2D(2, 3, kernel, stride=stride, padding=padding, dilation=dilation, rng=0)
    assert layer(np.ones((2, 2, 6, 5), np.float32)).shape[2:] == (6, 5)


@pytest.mark.quick
@pytest.mark.parametrize("setting", CONVOLUTIONS, ids=str)
def test_convolution_in_one_dimension(setting: Any) -> None:
    kernel, stride, padding, (before, after), dilation = setting
    pad = padding[1] if isinstance(padding, tuple) else padding
    layer = L.Conv1D(
        2, 3, kernel[1], stride=stride[1], padding=pad, dilation=dilation[1], dtype="float64", rng=0
    )
    x = np.random.default_rng(1).normal(size=(2, 2, 7))
    rows = layer.params["weight"][:, :, None], layer.params["bias"]
    spacing = (1, stride[1]), (0, before[1]), (0, after[1]), (1, dilation[1])
    expected = naive_convolution(x[:, :, None], *rows, *spacing)[:, :, 0]
    np.testing.assert_allclose(layer(x), expected, rtol=1e-12, atol=1e-13)


def test_convolution_draws_its_bias_within_the_fan_in() -> None:
    layer = L.Conv2D(4, 200, (3, 3), rng=0)
    assert layer.params["weight"].shape == (200, 4, 3, 3)
    for value in layer.params.values():
        assert 0.9 / 6 < np.abs(value).max() <= 1 / 6
    assert "bias" not in L.Conv1D(2, 3, 2, bias=False).params
    assert L.Conv1D(2, 3, 2, bias_init=0.5).params["bias"].tolist() == [0.5] * 3


def naive_pool(
    x: Array, kernel: Any, stride: Any, pad: Any, largest: bool
) -> tuple[Array, list[list[Any]]]:
    """Pool x (H, W); also the elements that each window reads, first the one that max takes."""
    sizes = [
        (n + 2 * p - k) // s + 1 for n, k, s, p in zip(x.shape, kernel, stride, pad, strict=True)
    ]
    y, reads = np.zeros(sizes), []
    for i, j in np.ndindex(*sizes):
        inside = [
            (r, c)
            for u, v in product(range(kernel[0]), range(kernel[1]))
            for r, c in [(i * stride[0] + u - pad[0], j * stride[1] + v - pad[1])]
            if 0 <= r < x.shape[0] and 0 <= c < x.shape[1]
        ]
        values = [x[at] for at in inside]
        y[i, j] = max(values) if largest else math.fsum(values) / (kernel[0] * kernel[1])
        reads.append([inside[values.index(max(values))]] if largest else inside)
    return y, reads


POOLS = [
    ((2, 2), None, (0, 0)),
    ((3, 2), (2, 1), (1, 1)),
    ((3, 3), (1, 1), (1, 0)),
    ((1, 2), (2, 3), (0, 0)),
    ((6, 5), None, (0, 0)),
]


@pytest.mark.quick
@pytest.mark.parametrize("setting", POOLS, ids=str)
@pytest.mark.parametrize("pool", [L.MaxPool, L.AvgPool])
@pytest.mark.parametrize("values", ["distinct", "ties"])
def test_pooling_in_two_dimensions(pool: Any, setting: Any, values: str) -> None:
    kernel, stride, padding = setting
    rng, layer, largest = np.random.default_rng(0), pool(*setting), pool is L.MaxPool
    shape = (2, 3, 6, 5)
    x = rng.normal(size=shape) if values == "distinct" else rng.integers(-2, 0, shape).astype(float)
    y, saved = layer.forward(x)
    dy = rng.normal(size=y.shape)
    (dx,) = layer.backward_inputs(saved, dy)
    for at in np.ndindex(2, 3):
        expected, reads = naive_pool(x[at], kernel, stride or kernel, padding, largest)
        np.testing.assert_allclose(y[at], expected, rtol=1e-13, atol=1e-15)
        delta = np.zeros((6, 5))
        for d, read in zip(dy[at].ravel(), reads, strict=True):
            for place in read:
                delta[place] += d if largest else d / (kernel[0] * kernel[1])
        np.testing.assert_allclose(dx[at], delta, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("pool", [L.MaxPool, L.AvgPool])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [(2, None, 0), (3, 2, 1), (4, 1, 2), (2, 3, 0)]
)
def test_pooling_in_one_dimension(pool: Any, kernel: int, stride: int | None, padding: int) -> None:
    x = np.random.default_rng(0).normal(size=(2, 9))
    y = pool(kernel, stride, padding)(x)
    for row, found in zip(x, y, strict=True):
        steps = (1, stride or kernel)
        expected, _ = naive_pool(row[None], (1, kernel), steps, (0, padding), pool is L.MaxPool)
        np.testing.assert_allclose(found, expected[0], rtol=1e-13)


def test_max_pool_keeps_little() -> None:
    x = np.zeros((5, 4, 8, 8), "float32")
    y, saved = L.MaxPool((2, 2)).forward(x)
    assert sum(a.nbytes for a in saved) == y.size
    assert sum(a.nbytes for a in L.AvgPool((2, 2)).forward(x)[1]) == 0


def test_max_pool_of_a_window_above_a_byte() -> None:
    x = np.arange(300.0)
    y, saved = L.MaxPool(300).forward(x)
    (dx,) = L.MaxPool(300).backward_inputs(saved, np.ones(1))
    assert y.tolist() == [299.0]
    assert np.flatnonzero(dx).tolist() == [299]


@pytest.mark.parametrize("place", range(3))
def test_max_pool_passes_nan_on(place: int) -> None:
    x = np.array([1.0, 2.0, 3.0])
    x[place] = np.nan
    assert np.isnan(L.MaxPool(3)(x)).all()


@pytest.mark.quick
def test_layer_norm_is_its_formula() -> None:
    layer = L.LayerNorm((2, 3), eps=0.3, dtype="float64")
    rng = np.random.default_rng(0)
    for value in layer.params.values():
        value[...] = rng.normal(size=(2, 3))
    x = rng.normal(size=(4, 2, 3))
    for row, found in zip(x, layer(x), strict=True):
        mean = math.fsum(row.ravel()) / 6
        spread = math.sqrt(math.fsum((row.ravel() - mean) ** 2) / 6 + 0.3)
        expected = layer.params["weight"] * (row - mean) / spread + layer.params["bias"]
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
