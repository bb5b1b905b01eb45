"""Values of layers: activations, dense layers, merges, normalisation, symbols, dropout."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from rnnbp import layers as L  # noqa: N812
from rnnbp.layers import Layer
from rnnbp.layers.pointwise import Activation
from rnnbp.numerics import Array, DtypeError, ShapeError
from rnnbp.rng import Context


class Known(NamedTuple):
    """What is known of an elementwise layer, beside its code."""

    layer: Layer
    formula: Callable[[float], float]
    slope: float
    """At 0."""
    far: tuple[float, float]
    """Values at −1000 and 1000."""
    slopes: tuple[float, float]
    """Slopes there."""


ELEMENTWISE = [
    Known(L.Sigmoid(), lambda x: 1 / (1 + math.exp(-x)), 0.25, (0, 1), (0, 0)),
    Known(L.Tanh(), lambda x: (math.exp(2 * x) - 1) / (math.exp(2 * x) + 1), 1.0, (-1, 1), (0, 0)),
    Known(L.ReLU(), lambda x: max(x, 0.0), 0.0, (0, 1000), (0, 1)),
    Known(L.LeakyReLU(0.2), lambda x: x if x > 0 else 0.2 * x, 0.2, (-200, 1000), (0.2, 1)),
    Known(L.ELU(0.7), lambda x: x if x > 0 else 0.7 * math.expm1(x), 0.7, (-0.7, 1000), (0, 1)),
    Known(L.GELU(), lambda x: 0.5 * x * math.erfc(-x / math.sqrt(2)), 0.5, (0, 1000), (0, 1)),
    Known(L.Softplus(), lambda x: math.log1p(math.exp(x)), 0.5, (0, 1000), (0, 1)),
    Known(L.Identity(), lambda x: x, 1.0, (-1000, 1000), (1, 1)),
    Known(L.Penalty(l1=1, l2=2), lambda x: x, 1.0, (-1000, 1000), (1, 1)),
    Known(L.Exp(), math.exp, 1.0, (0, math.inf), (0, math.inf)),
    Known(L.Square(), lambda x: x**2, 0.0, (1e6, 1e6), (-2000, 2000)),
    Known(L.Abs(), abs, 0.0, (1000, 1000), (-1, 1)),
    Known(L.Clip(-2.5, 1), lambda x: min(max(x, -2.5), 1.0), 1.0, (-2.5, 1), (0, 0)),
    Known(L.Clip(high=0), lambda x: min(x, 0.0), 1.0, (-1000, 0), (1, 0)),
    Known(L.Scale(-2.0, 0.5), lambda x: 0.5 - 2 * x, -2.0, (2000.5, -1999.5), (-2, -2)),
]
"""All elementwise layers; a test fails for one that is left out."""
elementwise = pytest.mark.parametrize("known", ELEMENTWISE, ids=lambda known: str(known.layer))


def test_every_elementwise_layer_is_in_the_list() -> None:
    kinds = [getattr(L, name) for name in L.__all__]
    # Whose elements depend on one another, and what is not defined below 0.
    elsewhere = {L.Softmax, L.LogSoftmax, L.Log, L.Sqrt, L.Reciprocal}
    found = {kind for kind in kinds if issubclass(kind, Activation)} - elsewhere
    assert {type(known.layer) for known in ELEMENTWISE} == found


@pytest.mark.quick
@elementwise
def test_activations_are_their_formulas(known: Known) -> None:
    x = np.array([-9.0, -2.5, -1.0, -0.3, 0.0, 0.2, 1.0, 2.5, 9.0])
    expected = [known.formula(float(v)) for v in x]
    np.testing.assert_allclose(known.layer(x), expected, rtol=1e-13, atol=1e-15)


@elementwise
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_derivatives_at_zero(known: Known, zero: float) -> None:
    y, saved = known.layer.forward(np.array([zero]))
    assert known.layer.backward_inputs(saved, np.ones_like(y))[0].tolist() == [known.slope]


LIMITS = [
    *((known.layer, known.far, known.slopes) for known in ELEMENTWISE),
    (L.ELU(), (-1, 1000), (0, 1)),
    (L.Softmax(), (0, 1), (0, 0)),
    (L.LogSoftmax(), (-2000, 0), (1, -1)),
]


@pytest.mark.parametrize(
    ("layer", "values", "slopes"), LIMITS, ids=[str(case[0]) for case in LIMITS]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_inputs_of_a_thousand(
    layer: Layer, values: tuple[float, float], slopes: tuple[float, float], dtype: str
) -> None:
    infinite = "ignore" if math.inf in values else "raise"
    with np.errstate(all="raise", under="ignore", over=infinite):
        y, saved = layer.forward(np.array([-1000.0, 1000.0], dtype))
        (dx,) = layer.backward_inputs(saved, np.ones_like(y))
    np.testing.assert_allclose(y, np.array(values, dtype), atol=1e-30)
    np.testing.assert_allclose(dx, np.array(slopes, dtype), atol=1e-30)


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
