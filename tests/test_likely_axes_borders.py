"""Axes that are missing or in another order, and models of several inputs.

Errors name the likely cause.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

MSE = rb.losses.MeanSquaredError()


def zeros(*shape: int) -> Any:
    return np.zeros(shape, "float32")


RUNS: dict[str, Callable[[Any, Any], Any]] = {
    "predict": rb.predict,
    "bptt": lambda model, x: rb.bptt(model, x, zeros(100, 4), MSE),
    "evaluate": lambda model, x: rb.evaluate(model, x, zeros(100, 4), MSE),
    "check_grads": rb.check_grads,
}
MODELS: dict[str, Callable[[], Any]] = {
    "LSTM": lambda: rb.LSTM(1, 4),
    "stack": lambda: rb.Sequential(rb.GRU(1, 4), rb.LSTM(4, 4)),
    "Dense first": lambda: rb.Sequential(rb.Dense(1, 3), rb.LSTM(3, 4)),
}


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("model", MODELS)
def test_a_sequence_without_the_batch_axis(run: str, model: str) -> None:
    text = r"x has shape \(100, 1\), and (LSTM|GRU|Dense)\(1, \d\) takes \(T, B, 1\): axis 1, the batch, is missing; give x\[:, None\]"
    with pytest.raises(rb.ShapeError, match=text):
        RUNS[run](MODELS[model](), zeros(100, 1))


AXES: dict[str, tuple[Callable[[], Any], Any, str]] = {
    "no features": (lambda: rb.LSTM(1, 4), zeros(100, 7), r"\(100, 7\).* takes \(T, B, 1\): an axis is missing.*x\[..., None\]"),
    "one of two": (lambda: rb.LSTM(3, 4), zeros(100, 7), r"an axis is missing, .*3 numbers for each step of each sequence$"),
    "features first": (lambda: rb.LSTM(5, 4), zeros(5, 100, 2), r"axis 0 has size 5, .*np.moveaxis\(x, 0, -1\)"),
    "channels first": (lambda: rb.LSTM(5, 4), zeros(8, 5, 100), r"axis 1 has size 5, .*np.moveaxis\(x, 1, -1\)"),
    "symbols": (lambda: rb.Embedding(9, 3), np.zeros((10, 2, 1), int), r"elements are symbols, .*give x\[..., 0\]"),
    "other features": (lambda: rb.LSTM(5, 4), zeros(8, 2, 3), r"LSTM\(5, 4\): input axis -1 must have size 5, found 3"),
}  # fmt: skip


@pytest.mark.quick
@pytest.mark.parametrize("case", AXES)
def test_other_axes(case: str) -> None:
    model, x, text = AXES[case]
    with pytest.raises(rb.ShapeError, match=text) as found:
        rb.predict(model(), x)
    assert found.value.__cause__ is None


BUDGET: dict[str, dict[str, str]] = {"plan": {"budget": "1 MB"}, "forecast": {}}


@pytest.mark.parametrize(
    ("call", "shape"), [("plan", (9, 2, 3)), ("plan", (4,)), ("forecast", (2, 3))]
)
def test_x_shape_is_that_of_a_step(call: str, shape: tuple[int, ...]) -> None:
    options: dict[str, Any] = BUDGET[call]
    with pytest.raises(
        rb.ShapeError,
        match=rf"{call}: x_shape is the shape of x without its axes .* is \(3,\), found",
    ):
        getattr(rb, call)(rb.LSTM(3, 4), MSE, steps=9, batch=2, x_shape=shape, **options)


def two_streams() -> Any:
    a, b = rb.Input(3), rb.Input(2)
    h = rb.LSTM(5, 8)(rb.Concat(3, 2)(a, b))
    return rb.Graph([a, b], [rb.Dense(8, 4)(h), rb.Dense(8, 1)(h)])


def made_of(model: Any, layer: Any) -> rb.Graph:
    """The model with one of its outputs alone."""
    inputs = [rb.Input(*shape) for shape in model.input_shapes]
    outputs = model(*inputs)
    return rb.Graph(inputs, next(y for y in outputs if y.source.block is layer))


def two_heads() -> Any:
    a = rb.Input(3)
    return rb.Graph(a, [rb.Dense(3, 4)(a), rb.Dense(3, 1)(a)])


@pytest.mark.parametrize(("made", "sizes"), [(two_streams, (3, 2)), (two_heads, (3,))])
def test_several_outputs_come_in_order(made: Callable[[], Any], sizes: tuple[int, ...]) -> None:
    model, numbers = made(), np.random.default_rng(0)
    x = tuple(numbers.normal(size=(9, 2, n)).astype("float32") for n in sizes)
    x = x if len(x) > 1 else x[0]
    wide, narrow = rb.predict(model, x)[0]
    for layer, found in zip(model.layers[-2:], (wide, narrow), strict=True):
        before = rb.predict(made_of(model, layer), x)[0]
        assert np.array_equal(found, before)


def test_symbols_among_floats_name_one_hot_columns() -> None:
    symbols, _ = rb.Split(1, 1)(rb.Input(2))
    with pytest.raises(
        rb.ShapeError, match="among floats, give one-hot columns to a Dense instead"
    ):
        rb.Embedding(5, 4)(symbols)


def test_one_hot_columns_and_a_dense_are_the_embedding() -> None:
    """What the error proposes computes the same, to the bit, and has the same gradients."""
    ids, rows = np.array([[0, 3], [2, 2], [4, 1]]), np.random.default_rng(0).normal(size=(3, 2, 4))
    embedding, dense = (
        rb.Embedding(5, 4, dtype="float64", rng=0),
        rb.Dense(5, 4, bias=False, dtype="float64"),
    )
    dense.params["weight"][...] = embedding.params["weight"].T
    hot = np.eye(5)[ids]
    assert (rb.predict(dense, hot)[0] == rb.predict(embedding, ids)[0]).all()
    found, expected = (
        rb.bptt(dense, hot, rows, MSE).grads["weight"],
        rb.bptt(embedding, ids, rows, MSE).grads["weight"],
    )
    assert np.allclose(found.T, expected, rtol=1e-13, atol=0)
