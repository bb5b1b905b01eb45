"""What the layers compute, against independent formulas and plain loops."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

from rnnbp import layers as L  # noqa: N812
from rnnbp.layers import Layer
from rnnbp.numerics import Array, DtypeError, ShapeError
from rnnbp.rng import Context

CLOSED_FORMS: list[tuple[Layer, Callable[[float], float]]] = [
    (L.Sigmoid(), lambda x: 1 / (1 + math.exp(-x))),
    (L.Tanh(), lambda x: (math.exp(2 * x) - 1) / (math.exp(2 * x) + 1)),
    (L.ReLU(), lambda x: max(x, 0.0)),
    (L.LeakyReLU(0.2), lambda x: x if x > 0 else 0.2 * x),
    (L.ELU(0.7), lambda x: x if x > 0 else 0.7 * math.expm1(x)),
    (L.GELU(), lambda x: 0.5 * x * math.erfc(-x / math.sqrt(2))),
    (L.Softplus(), lambda x: math.log1p(math.exp(x))),
    (L.Identity(), lambda x: x),
    (L.Scale(-2.0, 0.5), lambda x: 0.5 - 2 * x),
]


@pytest.mark.quick
@pytest.mark.parametrize(
    ("layer", "formula"), CLOSED_FORMS, ids=[str(layer) for layer, _ in CLOSED_FORMS]
)
def test_activations_are_their_formulas(layer: Layer, formula: Callable[[float], float]) -> None:
    x = np.array([-9.0, -2.5, -1.0, -0.3, 0.0, 0.2, 1.0, 2.5, 9.0])
    np.testing.assert_allclose(layer(x), [formula(float(v)) for v in x], rtol=1e-13, atol=1e-15)


AT_ZERO = [
    (L.ReLU(), 0.0),
    (L.LeakyReLU(0.2), 0.2),
    (L.ELU(0.7), 0.7),
    (L.GELU(), 0.5),
    (L.Softplus(), 0.5),
    (L.Sigmoid(), 0.25),
    (L.Tanh(), 1.0),
    (L.Identity(), 1.0),
    (L.Scale(-2.0, 0.5), -2.0),
]


@pytest.mark.parametrize(("layer", "slope"), AT_ZERO, ids=[str(layer) for layer, _ in AT_ZERO])
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_derivatives_at_zero(layer: Layer, slope: float, zero: float) -> None:
    y, saved = layer.forward(np.array([zero]))
    assert layer.backward_inputs(saved, np.ones_like(y))[0].tolist() == [slope]


LIMITS: list[tuple[Layer, list[float], list[float]]] = [
    (L.Sigmoid(), [0.0, 1.0], [0.0, 0.0]),
    (L.Tanh(), [-1.0, 1.0], [0.0, 0.0]),
    (L.ReLU(), [0.0, 1000.0], [0.0, 1.0]),
    (L.ELU(), [-1.0, 1000.0], [0.0, 1.0]),
    (L.GELU(), [0.0, 1000.0], [0.0, 1.0]),
    (L.Softplus(), [0.0, 1000.0], [0.0, 1.0]),
    (L.Softmax(), [0.0, 1.0], [0.0, 0.0]),
    (L.LogSoftmax(), [-2000.0, 0.0], [1.0, -1.0]),
]


@pytest.mark.parametrize(
    ("layer", "values", "slopes"), LIMITS, ids=[str(case[0]) for case in LIMITS]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_inputs_of_a_thousand(
    layer: Layer, values: list[float], slopes: list[float], dtype: str
) -> None:
    with np.errstate(all="raise", under="ignore"):
        y, saved = layer.forward(np.array([-1000.0, 1000.0], dtype))
        (dx,) = layer.backward_inputs(saved, np.ones_like(y))
    np.testing.assert_allclose(y, values, atol=1e-30)
    np.testing.assert_allclose(dx, slopes, atol=1e-30)


@pytest.mark.parametrize("scale", [1.0, 1000.0])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softmax_is_a_distribution(scale: float, dtype: str) -> None:
    x = (np.random.default_rng(0).normal(size=(4, 3, 7)) * scale).astype(dtype)
    y = L.Softmax()(x)
    assert (y >= 0).all()
    np.testing.assert_allclose(y.sum(axis=-1), 1, rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_allclose(
        np.exp(L.LogSoftmax()(x)), y, rtol=1e-5 if dtype == "float32" else 1e-12
    )


@pytest.mark.quick
def test_softmax_is_its_formula() -> None:
    x = np.random.default_rng(0).normal(size=(4, 7))
    total = np.array([math.fsum(map(math.exp, row)) for row in x])
    np.testing.assert_allclose(L.Softmax()(x), np.exp(x) / total[:, None], rtol=1e-14)
    np.testing.assert_allclose(L.LogSoftmax()(x), x - np.log(total)[:, None], rtol=1e-14)


@pytest.mark.parametrize("layer", [L.Softmax(), L.LogSoftmax()], ids=str)
def test_softmax_loses_no_digits_to_a_common_shift(layer: Layer) -> None:
    x = np.array([[0.5, -1.25, 2.0], [0.0, 0.125, -4.0]], "float32")
    assert layer(x + 4096).tolist() == layer(x).tolist()


@pytest.mark.quick
def test_dense_sums_over_all_inputs() -> None:
    layer = L.Dense((3, 2), 4, dtype="float64", rng=0)
    a, b = (np.random.default_rng(1).normal(size=(5, n)) for n in (3, 2))
    p = layer.params
    expected = [
        [
            math.fsum([*(p["weight_0"][o] * a[i]), *(p["weight_1"][o] * b[i]), p["bias"][o]])
            for o in range(4)
        ]
        for i in range(5)
    ]
    np.testing.assert_allclose(layer(a, b), expected, rtol=1e-14)


@pytest.mark.quick
def test_merges_and_splits() -> None:
    a, b, c = np.array([[1.0, 2.0]]), np.array([[3.0, 5.0]]), np.array([[7.0, 11.0]])
    assert L.Add(3)(a, b, c).tolist() == [[11.0, 18.0]]
    assert L.Subtract()(a, b).tolist() == [[-2.0, -3.0]]
    assert L.Multiply()(a, b, c).tolist() == [[21.0, 110.0]]
    assert L.Concat(2, 2, 2)(b, a, c).tolist() == [[3.0, 5.0, 1.0, 2.0, 7.0, 11.0]]
    assert [part.tolist() for part in L.Split(1, 3)(np.array([[1, 2, 3, 4]]))] == [
        [[1]],
        [[2, 3, 4]],
    ]
    assert L.Slice(4, 1, 3)(np.array([[1, 2, 3, 4]])).tolist() == [[2, 3]]


def test_flatten_and_reshape_are_in_c_order() -> None:
    x = np.arange(24.0).reshape(2, 2, 3, 2)
    assert L.Flatten(2)(x).tolist() == x.reshape(2, 2, 6).tolist()
    assert L.Flatten(3)(x)[1].tolist() == list(range(12, 24))
    assert L.Reshape((2, 3, 2), (4, 3))(x)[0].tolist() == np.arange(12).reshape(4, 3).tolist()


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
    if padding == "same":
        assert layer(x).shape[2:] == x.shape[2:]


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


def test_layer_norm_starts_without_scale_and_shift() -> None:
    x = np.random.default_rng(0).normal(3, 5, (4, 50)).astype("float32")
    y = L.LayerNorm(50)(x)
    assert (y == L.LayerNorm(50, weight=False, bias=False)(x)).all()
    np.testing.assert_allclose(y.mean(axis=-1), 0, atol=1e-6)
    np.testing.assert_allclose(y.var(axis=-1), 1, rtol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_layer_norm_of_equal_and_of_large_features(dtype: str) -> None:
    layer = L.LayerNorm(4, dtype=dtype)
    with np.errstate(all="raise"):
        y, saved = layer.forward(np.array([[1000.0] * 4, [-1000.0, 1000.0] * 2], dtype))
        (dx,) = layer.backward_inputs(saved, np.array([[1.0, 2.0, 3.0, 4.0]] * 2, dtype))
    np.testing.assert_allclose(y, [[0, 0, 0, 0], [-1, 1, -1, 1]], rtol=1e-6)
    np.testing.assert_allclose(dx[0], np.array([-1.5, -0.5, 0.5, 1.5]) / math.sqrt(1e-5), rtol=1e-6)


@pytest.mark.quick
@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "uint64"])
def test_embedding_takes_rows_and_sums_their_deltas(dtype: str) -> None:
    layer = L.Embedding(6, 3, dtype="float64", rng=0)
    rng = np.random.default_rng(1)
    x = np.array([[5, 0, 5, 2], [5, 2, 0, 5]], dtype)
    y, saved = layer.forward(x)
    dy = rng.normal(size=y.shape)
    expected = np.zeros((6, 3))
    for at in np.ndindex(x.shape):
        assert y[at].tolist() == layer.params["weight"][x[at]].tolist()
        expected[x[at]] += dy[at]
    np.testing.assert_allclose(layer.backward_params(saved, dy)["weight"], expected, rtol=1e-14)


def test_embedding_gradients_are_reproducible() -> None:
    layer, rng = L.Embedding(7, 5, rng=0), np.random.default_rng(1)
    x, dy = rng.integers(0, 7, 5000), rng.normal(size=(5000, 5)).astype("float32")
    first, again = (layer.backward_params((x,), dy)["weight"] for _ in range(2))
    assert first.tobytes() == again.tobytes()


def test_embedding_starts_as_a_standard_normal() -> None:
    weight = L.Embedding(200, 100, rng=0).params["weight"]
    assert abs(weight.mean()) < 0.03
    assert abs(weight.std() - 1) < 0.03


@pytest.mark.quick
def test_one_hot() -> None:
    y = L.OneHot(3)(np.array([[2, 0], [1, 2]]))
    assert y.tolist() == [[[0, 0, 1], [1, 0, 0]], [[0, 1, 0], [0, 0, 1]]]
    assert y.dtype == np.float32


@pytest.mark.parametrize("layer", [L.Embedding(5, 2), L.OneHot(5)], ids=str)
@pytest.mark.parametrize(
    ("x", "error", "says"),
    [
        (
            [[0, 1], [5, 9]],
            IndexError,
            r"must lie in \[0, 5\), found 5 at \[1, 0\] of shape \(2, 2\); build .* 10 sym",
        ),
        (
            [4, -1, -3],
            IndexError,
            r"must lie in \[0, 5\), found -1 at \[1\] of shape \(3,\); count symbols from 0",
        ),
        ([1.0], DtypeError, r"must hold integers, found dtype float64; .*astype"),
        ([True], DtypeError, r"must hold integers, found dtype bool"),
    ],
    ids=["too-large", "negative", "float", "bool"],
)
def test_symbols_that_do_not_fit(
    layer: Layer, x: list[Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says) as raised:
        layer(np.array(x))
    assert str(layer) in str(raised.value)


def test_a_symbol_above_a_byte_is_named_whole() -> None:
    with pytest.raises(IndexError, match="build the layer for 256 symbols"):
        L.OneHot(5)(np.array([255], "uint8"))


def drop(layer: Layer, x: Array, **where: Any) -> Array:
    y: Array = layer.forward(x, context=Context(**{"seed": 1, **where}))[0]
    return y


@pytest.mark.quick
def test_dropout_drops_its_share_and_scales_the_rest() -> None:
    x = np.random.default_rng(0).normal(size=(100, 200)) + 5
    y = drop(L.Dropout(0.3), x)
    kept = y != 0
    assert abs(kept.mean() - 0.7) < 0.01
    np.testing.assert_allclose(y[kept], x[kept] / 0.7, rtol=1e-14)


@pytest.mark.parametrize("every_step", [True, False])
def test_dropout_of_a_chunk_is_that_of_its_steps(every_step: bool) -> None:
    layer, x = L.Dropout(0.5, every_step=every_step), np.ones((5, 3, 8))
    whole = drop(layer, x, step=2, length=5)
    steps = [drop(layer, x[t], step=2 + t) for t in range(5)]
    parts = [drop(layer, x[:2], step=2, length=2), drop(layer, x[2:], step=4, length=3)]
    assert whole.tobytes() == np.stack(steps).tobytes() == np.concatenate(parts).tobytes()
    assert len({step.tobytes() for step in steps}) == (5 if every_step else 1)


@pytest.mark.parametrize("where", [{"seed": 2}, {"step": 1}, {"place": 1}], ids=str)
def test_dropout_differs_elsewhere(where: dict[str, int]) -> None:
    layer, x = L.Dropout(0.5), np.ones((4, 16))
    assert (drop(layer, x) == drop(layer, x)).all()
    assert (drop(layer, x) != drop(layer, x, **where)).any()


@pytest.mark.parametrize(
    ("p", "context"), [(0.5, None), (0.5, Context(training=False)), (0.0, Context())], ids=str
)
def test_dropout_that_drops_nothing(p: float, context: Context | None) -> None:
    x = np.arange(6.0)
    y, saved = L.Dropout(p).forward(x, context=context)
    assert (y.tolist(), saved) == (x.tolist(), ())
    assert L.Dropout(p).backward_inputs(saved, -x)[0].tolist() == (-x).tolist()


def test_dropout_of_a_chunk_of_another_length() -> None:
    with pytest.raises(
        ShapeError,
        match=r"Dropout\(0.5\): input axis 0 must be the 4 steps .* found shape \(3, 2\)",
    ):
        drop(L.Dropout(0.5), np.ones((3, 2)), length=4)


CONSTRUCTORS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: L.Dense(0, 3), ValueError, "Dense: n_in must be at least 1, found 0"),
    (lambda: L.Dense(3, 2.0), TypeError, "Dense: n_out must be an integer, found 2.0"),
    (lambda: L.Dense((), 3), ValueError, "Dense: n_in is empty"),
    (lambda: L.Dense(2, 3, dtype="float16"), DtypeError, "float32 or float64, found dtype float16"),
    (
        lambda: L.Dense(2, 3, weight_init="norml"),
        ValueError,
        "initializer 'norml' is unknown, for normal numbers .*; use one of",
    ),
    (lambda: L.Conv1D(0, 3, 2), ValueError, "Conv1D: n_in must be at least 1"),
    (lambda: L.Conv2D(1, 0, 2), ValueError, "Conv2D: n_out must be at least 1"),
    (
        lambda: L.Conv2D(1, 1, (2, 2, 2)),
        ValueError,
        r"Conv2D: kernel needs one number, or 2.*found \(2, 2, 2\)",
    ),
    (
        lambda: L.Conv1D(1, 1, 0),
        ValueError,
        "Conv1D: kernel must be at least 1 along every axis, found 0",
    ),
    (lambda: L.Conv1D(1, 1, 2, stride=0), ValueError, "Conv1D: stride must be at least 1"),
    (
        lambda: L.Conv1D(1, 1, 2, dilation=1.5),
        TypeError,
        "Conv1D: dilation must be a whole number.*found 1.5",
    ),
    (lambda: L.Conv1D(1, 1, 2, padding=-1), ValueError, "Conv1D: padding must be at least 0"),
    (
        lambda: L.Conv1D(1, 1, 2, padding="full"),
        ValueError,
        "padding 'full' is unknown; use 'same', 'valid'",
    ),
    (
        lambda: L.Conv2D(1, 1, 2, stride=(1, 2), padding="same"),
        ValueError,
        "'same' needs stride 1, found",
    ),
    (lambda: L.Conv2D(1, 1, 2, dtype=int), DtypeError, "float32 or float64"),
    (lambda: L.MaxPool((2, 2, 2)), ValueError, "MaxPool: kernel has one axis or two"),
    (
        lambda: L.MaxPool(3, 1, 2),
        ValueError,
        "MaxPool: padding must be at most half the kernel 3, found 2",
    ),
    (lambda: L.AvgPool((2, 2), (1,)), ValueError, "AvgPool: stride needs one number, or 2"),
    (lambda: L.Flatten(0), ValueError, "Flatten: n_axes must be at least 1"),
    (
        lambda: L.Reshape((2, 3), 5),
        ValueError,
        r"from_shape \(2, 3\) has 6 elements, to_shape \(5,\) has 5",
    ),
    (lambda: L.Reshape((), 5), ValueError, "Reshape: from_shape is empty"),
    (lambda: L.LayerNorm(0), ValueError, "LayerNorm: shape must be at least 1"),
    (
        lambda: L.LayerNorm(3, eps=0),
        ValueError,
        r"LayerNorm: eps must lie in \(0, inf\), found 0; 1e-5 is usual",
    ),
    (
        lambda: L.LayerNorm(3, weight=False, bias=False, dtype="int8"),
        DtypeError,
        "found dtype int8",
    ),
    (lambda: L.Embedding(0, 3), ValueError, "Embedding: n_symbols must be at least 1"),
    (lambda: L.Embedding(3, -1), ValueError, "Embedding: n_out must be at least 1"),
    (lambda: L.OneHot(3, dtype="int64"), DtypeError, "found dtype int64"),
    (lambda: L.OneHot(True), TypeError, "OneHot: n_symbols must be an integer, found True"),
    (lambda: L.Dropout(1.0), ValueError, r"Dropout: p must lie in \[0, 1\), found 1.0"),
    (lambda: L.Dropout(-0.1), ValueError, r"found -0.1"),
    (lambda: L.Dropout(float("nan")), ValueError, r"found nan"),
    (
        lambda: L.LeakyReLU(0.0),
        ValueError,
        r"LeakyReLU: slope must lie in \(0, inf\), found 0.0; for slope 0 use ReLU",
    ),
    (lambda: L.ELU(-1.0), ValueError, r"ELU: alpha must lie in \(0, inf\), found -1.0"),
    (lambda: L.Scale(math.inf), ValueError, r"Scale: scale must lie in \(-inf, inf\), found inf"),
    (lambda: L.Add(1), ValueError, "Add: n_inputs must be at least 2, found 1"),
    (
        lambda: L.Dropout("0.5"),
        TypeError,
        r"Dropout: p must be a number and lie in \[0, 1\), found '0.5'; p is the",
    ),
    (lambda: L.Dropout(True), TypeError, r"Dropout: p must be a number .*, found True"),
    (
        lambda: L.Dropout(0.5, every_step="no"),
        TypeError,
        "Dropout: every_step must be True or False, found 'no'",
    ),
    (
        lambda: L.LayerNorm(3, eps="x"),
        TypeError,
        "LayerNorm: eps must be a number .*, found 'x'; 1e-5 is usual",
    ),
    (lambda: L.LayerNorm(3, eps=math.inf), ValueError, "LayerNorm: eps must lie in .*, found inf"),
    (
        lambda: L.LayerNorm(3, bias="no"),
        TypeError,
        "LayerNorm: bias must be True or False, found 'no'",
    ),
    (
        lambda: L.LayerNorm(3, weight=None),
        TypeError,
        "LayerNorm: weight must be True or False, found None",
    ),
    (lambda: L.LeakyReLU("a"), TypeError, "LeakyReLU: slope must be a number .*, found 'a'"),
    (lambda: L.LeakyReLU(math.nan), ValueError, "LeakyReLU: slope must lie in .*, found nan"),
    (lambda: L.ELU([1.0]), TypeError, r"ELU: alpha must be a number .*, found \[1.0\]"),
    (lambda: L.ELU(math.inf), ValueError, "ELU: alpha must lie in .*, found inf"),
    (lambda: L.Scale(1, "b"), TypeError, "Scale: shift must be a number .*, found 'b'"),
    (
        lambda: L.Scale(10**400),
        ValueError,
        "Scale: scale must lie in .*, found 1000.*, of type int",
    ),
    (lambda: L.Dense(2, 2, bias="no"), TypeError, "Dense: bias must be True or False, found 'no'"),
    (
        lambda: L.Conv2D(1, 2, 2, bias=None),
        TypeError,
        "Conv2D: bias must be True or False, found None",
    ),
    (
        lambda: L.Conv1D(1, 2, 2, rng=1.5),
        TypeError,
        "Conv1D: rng must be a seed from 0, .*, found 1.5",
    ),
    (
        lambda: L.Embedding(3, 2, rng="a"),
        TypeError,
        "Embedding: rng must be a seed from 0, .*, found 'a'",
    ),
    (
        lambda: L.Embedding(3, 2, weight_init=[1, 2]),
        TypeError,
        r"Embedding: weight: an initializer is .*\[1, 2\]",
    ),
    (lambda: L.OneHot(3, dtype="complex64"), DtypeError, "found dtype complex64"),
    (lambda: L.Slice(4, "a", 2), TypeError, "Slice: start must be an integer, found 'a'"),
    (lambda: L.Concat(3), ValueError, "Concat: give the size of each input, at least 2"),
    (lambda: L.Split(3), ValueError, "Split: give the size of each output, at least 2"),
    (lambda: L.Slice(4, 2, 2), ValueError, "Slice: needs 0 ≤ start < stop"),
]


@pytest.mark.parametrize(
    ("build", "error", "says"), CONSTRUCTORS, ids=[case[2][:40] for case in CONSTRUCTORS]
)
def test_arguments_that_do_not_fit(
    build: Callable[[], Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        build()


NAMED = [
    L.LeakyReLU(np.float64(0.1)),
    L.ELU(np.float64(0.5)),
    L.Scale(np.float64(2), np.float64(1)),
]


@pytest.mark.parametrize("layer", NAMED, ids=str)
def test_numpy_numbers_as_arguments_do_not_widen(layer: Layer) -> None:
    y, saved = layer.forward(np.array([-1, 1], "float32"))
    assert y.dtype == np.float32
    assert layer.backward_inputs(saved, np.ones_like(y))[0].dtype == np.float32


REPRS = [
    (L.Conv2D(1, 2, 3), "Conv2D(1, 2, 3)"),
    (
        L.Conv2D(1, 2, (2, 3), padding="same", bias=False),
        "Conv2D(1, 2, (2, 3), padding=((0, 1), 1), bias=False)",
    ),
    (
        L.Conv1D(1, 2, 3, stride=2, padding=1, dilation=2),
        "Conv1D(1, 2, 3, stride=2, padding=1, dilation=2)",
    ),
    (L.MaxPool(2), "MaxPool(2, 2, 0)"),
    (L.AvgPool((2, 3), 1), "AvgPool((2, 3), (1, 1), (0, 0))"),
    (L.Flatten(2), "Flatten(2)"),
    (L.Reshape(6, (2, 3)), "Reshape((6,), (2, 3))"),
    (L.LayerNorm(4, bias=False), "LayerNorm(4, bias=False)"),
    (L.LayerNorm((2, 3)), "LayerNorm((2, 3))"),
    (L.Embedding(5, 3), "Embedding(5, 3)"),
    (L.OneHot(4), "OneHot(4)"),
    (L.Dropout(0.3, every_step=False), "Dropout(0.3, every_step=False)"),
]


@pytest.mark.parametrize(("layer", "shown"), REPRS, ids=[shown for _, shown in REPRS])
def test_repr_shows_the_arguments(layer: Layer, shown: str) -> None:
    assert repr(layer) == shown
