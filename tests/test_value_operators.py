"""Operators of symbolic values do what they do with arrays, in graphs, in cells, with gradients."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

BACKENDS = ["interpreter", "numpy", *(["llvm"] if find_spec("llvmlite") else [])]
ARRAY, ONE = np.array([0.5, -2.0, 3.0, 1.0, -0.25]), np.array([-1.5])
EXPRESSIONS: dict[str, Callable[[Any, Any], Any]] = {
    "quotient": lambda a, b: a / b,
    "quotient of one feature": lambda a, b: b[..., :1] / a,
    "number / value": lambda a, b: 1 / a + 3.0 / b,
    "powers": lambda a, b: a**2 + b**3 - a**7 + a**1,
    "negative powers": lambda a, b: a**-1 - b**-2,
    "roots": lambda a, b: a**0.5 + b**-0.5,
    "a power of NumPy's": lambda a, b: a ** np.int64(3) + np.power(b, 2),
    "unary": lambda a, b: -a + abs(-b) + +a,
    "array": lambda a, b: a * ARRAY + ARRAY - b,
    "array on the left": lambda a, b: ARRAY * a - ARRAY + (ARRAY - b),
    "array / value": lambda a, b: ARRAY / a,
    "value / array": lambda a, b: a / ARRAY - b / ONE,
    "array of one": lambda a, b: a * ONE + (ONE - b),
    "array of whole numbers": lambda a, b: a * np.arange(5) + b,
    "mask": lambda a, b: a * np.array([True, False, True, True, False]) + b,
    "array of no axes": lambda a, b: a * np.array(2.0) - np.float32(0.5) * b,
    "one feature": lambda a, b: a * b[..., 2:3] - a[..., -1:] + b,
    "slice": lambda a, b: a[..., 1:4] * b[..., :3],
    "slice to the end": lambda a, b: a[..., 3:] - b[..., -2:],
    "slice beyond": lambda a, b: a[..., 2:99] + b[..., -99:3],
    "the whole": lambda a, b: a[..., :] * b[...],
    "functions": lambda a, b: np.exp(-a) + np.log(b) - np.sqrt(a) + np.square(b),
    "more functions": lambda a, b: np.tanh(a) + np.absolute(-b) + np.reciprocal(a) + np.negative(b),
    "choices": lambda a, b: np.maximum(a, b * 1.1) - np.minimum(a, b[..., :1]),
    "ufuncs as operators": lambda a, b: (
        np.divide(np.add(a, b), np.multiply(a, 2)) - np.subtract(1, b)
    ),
}
expressions = pytest.mark.parametrize("name", EXPRESSIONS)


def above_0(*shape: int) -> np.ndarray:
    return np.abs(np.random.default_rng(5).normal(size=shape)) + 0.3


def graph(name: str) -> rb.Graph:
    x = rb.Input(10)
    return rb.Graph(x, rb.Identity()(EXPRESSIONS[name](*rb.Split(5, 5)(x))))


@expressions
def test_in_a_graph_as_of_arrays(name: str) -> None:
    x = above_0(4, 2, 10)
    y, _ = rb.predict(graph(name), x)
    np.testing.assert_allclose(y, EXPRESSIONS[name](x[..., :5], x[..., 5:]), rtol=1e-14)


@expressions
def test_the_dtype_is_that_of_the_model(name: str) -> None:
    x = above_0(4, 2, 10).astype("float32")
    y, _ = rb.predict(graph(name), x)
    assert y.dtype == np.float32
    expected = EXPRESSIONS[name](x[..., :5].astype(float), x[..., 5:].astype(float))
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)


@expressions
def test_gradients_in_a_graph(name: str) -> None:
    assert rb.check_grads(graph(name), above_0(3, 2, 10)).worst < 1e-12


def cell(*names: str) -> rb.Recurrent:
    """A cell of x above 0 and a state, whose output is the expressions, side by side."""
    x, h = rb.Input(5), rb.State(5, "h")
    options: Any = {"dtype": "float64", "rng": 1}
    new = rb.Softplus()(rb.Dense((5, 5), 5, **options)(x, h)) + 0.3
    ends = [EXPRESSIONS[name](new, x) for name in names]
    output = rb.Concat(*(end.shape[0] for end in ends))(*ends) if len(ends) > 1 else ends[0]
    return rb.Recurrent(rb.Cell(x, {h: new}, output=output))


def run(model: rb.Recurrent, backend: str) -> tuple[np.ndarray, rb.Gradients]:
    seen, x = [], above_0(6, 2, 5)

    def loss(y: np.ndarray, _: Any) -> tuple[float, np.ndarray]:
        seen.append(y.copy())
        return float((y**2).sum() / 2), y.copy()

    found = rb.bptt(model, x, np.zeros((6, 2, 1)), loss, chunk=6, backend=backend)
    return seen[-1], found


@pytest.mark.parametrize("backend", BACKENDS)
def test_in_a_cell_as_of_arrays(backend: str) -> None:
    model = cell(*EXPRESSIONS)
    x = above_0(6, 2, 5)
    y, found = run(model, backend)
    w, v, bias = (model.params[key] for key in ("0.weight_0", "0.weight_1", "0.bias"))
    h, at = np.zeros((2, 5)), []
    for step in x:
        h = np.log1p(np.exp(step @ w.T + h @ v.T + bias)) + 0.3
        at.append(np.concatenate([EXPRESSIONS[name](h, step) for name in EXPRESSIONS], axis=-1))
    np.testing.assert_allclose(y, np.array(at), rtol=1e-11)
    _, expected = run(model, "interpreter")
    assert found.dx is not None
    assert expected.dx is not None
    np.testing.assert_allclose(found.dx, expected.dx, rtol=1e-10)


@pytest.mark.long
@expressions
def test_gradients_in_a_cell(name: str) -> None:
    assert "runs as Python" not in str(rb.explain(cell(name)))
    assert rb.check_grads(cell(name), above_0(3, 2, 5)).worst < 1e-12


def test_shapes_of_indices() -> None:
    a = rb.Input(5)
    shapes = {
        a[1:3].shape: (2,),
        a[2].shape: (1,),
        a[-1].shape: (1,),
        a[..., np.int64(4)].shape: (1,),
    }
    assert [*shapes] == [*dict.fromkeys(shapes.values())]
    places = {a[-1]: "Slice(5, 4, 5)", a[-5]: "Slice(5, 0, 1)", a[2]: "Slice(5, 2, 3)"}
    assert [repr(value.source.block) for value in places if value.source] == [*places.values()]
    assert a[:] is a[...] is a[0:5] is a


@pytest.mark.parametrize("index", [5, -6, slice(2, 2), slice(5, 9)])
def test_features_that_are_not_there(index: Any) -> None:
    with pytest.raises(IndexError, match=r"features 0 to 4|has no features"):
        rb.Input(5)[index]


def test_indices_of_unknown_or_several_axes_are_refused() -> None:
    for value in (rb.Input(), rb.Input((2, 3))):
        with pytest.raises(TypeError, match="put a Reshape before, or say the shape"):
            value[0:1]


MISFITS = {
    "too long": (
        rb.Input(3),
        np.ones(4),
        r"array of shape \(4,\), for features of shape \(3,\); give",
    ),
    "batch axes": (rb.Input(3), np.ones((2, 3)), "without axes of time and batch"),
    "one feature": (rb.Input(1), np.ones(3), r"repeat the one feature first: Add\(\)\(a, b\)"),
}


@pytest.mark.parametrize("case", MISFITS)
def test_arrays_that_do_not_fit(case: str) -> None:
    value, array, text = MISFITS[case]
    with pytest.raises(rb.ShapeError, match=text):
        value * array


def test_an_array_is_copied_and_cannot_be_changed() -> None:
    mask = np.ones(3)
    i = rb.Input(3)
    layer = (i * mask).source.block
    mask[0] = 7
    assert layer.scale.tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match="read-only"):
        layer.scale[0] = 7
    with pytest.raises(ValueError, match="finite"):
        i * np.array([1, np.nan, 2])


def test_options_that_are_arrays_change_by_set_and_tell_models_apart() -> None:
    layer = rb.Scale(np.array([1.0, 2.0, 3.0]))
    assert repr(layer) == "Scale([1.0, 2.0, 3.0], 0.0)"
    many = [repr(rb.Scale(np.arange(9) * k)) for k in (1.0, 2.0)]
    assert "array of shape (9,)" in many[0]
    assert many[0] != many[1]
    x, h = rb.Input(3), rb.State(3, "h")
    model = rb.Recurrent(rb.Cell(x, {h: rb.Tanh()(x)}, output=layer(h)))
    data = np.ones((3, 1, 3), "float32")
    loss = rb.losses.MeanSquaredError()
    first = rb.bptt(model, data, 0 * data, loss, backend="numpy").loss
    layer.set(scale=np.array([2.0, 4.0, 6.0]))
    assert rb.bptt(model, data, 0 * data, loss, backend="numpy").loss == 4 * first
