"""Graphs of layers: operators, paths, parameters, initial values."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.graph.network import name_params
from rnnbp.inputs.models import as_model
from tests import helpers, models

real = partial(helpers.reals, seed=1)


def run(graph: rb.Graph, x: np.ndarray) -> np.ndarray:
    return rb.predict(graph, x[None])[0][0]


OPERATORS: dict[str, tuple[Any, Any]] = {
    "a + b": (lambda v: v + v * 2, lambda x: 3 * x),
    "a - b": (lambda v: v * 3 - v, lambda x: 2 * x),
    "a * b": (lambda v: v * v, lambda x: x * x),
    "a + 1": (lambda v: v + 1, lambda x: x + 1),
    "1 + a": (lambda v: 1 + v, lambda x: x + 1),
    "a - 1": (lambda v: v - 1, lambda x: x - 1),
    "1 - a": (lambda v: 1 - v, lambda x: 1 - x),
    "2 * a": (lambda v: 2 * v, lambda x: 2 * x),
    "a * np.float64(2)": (lambda v: v * np.float64(2), lambda x: 2 * x),
    "np.float64(2) - a": (lambda v: np.float64(2) - v, lambda x: 2 - x),
    "-a": (lambda v: -v, lambda x: -x),
}


@pytest.mark.quick
@pytest.mark.parametrize("name", OPERATORS)
def test_operators(name: str) -> None:
    on_values, on_arrays = OPERATORS[name]
    x = rb.Input(3)
    np.testing.assert_allclose(
        run(rb.Graph(x, on_values(x)), real(4, 3)), on_arrays(real(4, 3)), rtol=1e-15
    )


def test_layers_called_on_arrays_give_outputs() -> None:
    dense = rb.Dense(3, 2, rng=0, dtype="float64")
    np.testing.assert_allclose(
        dense(real(4, 3)), real(4, 3) @ dense.params["weight"].T + dense.params["bias"], rtol=1e-15
    )


@pytest.mark.long
def test_a_deep_chain_does_not_recurse() -> None:
    """Building, running and the gradient of 10,000 layers do not hit the recursion limit."""
    x = rb.Input(1)
    value = x
    for _ in range(10_000):
        value = value + 1.0
    found = rb.backprop(
        rb.Graph(x, value), np.zeros((1, 1)), None, lambda y, _: (float(y.sum()), np.ones_like(y))
    )
    assert found.loss == 10_000.0
    assert found.dx.tolist() == [[1.0]]


@pytest.mark.quick
def test_nested_graphs_flatten() -> None:
    inner = rb.Sequential(rb.Dense(3, 3, rng=0), rb.Tanh())
    outer = rb.Sequential(inner, rb.Sequential(inner, rb.Dense(3, 2, rng=1)))
    assert [type(node.block).__name__ for node in outer.nodes] == [
        "Dense",
        "Tanh",
        "Dense",
        "Tanh",
        "Dense",
    ]
    assert list(outer.params) == ["0.0.weight", "0.0.bias", "1.1.weight", "1.1.bias"]
    x, value = real(2, 3), rb.Input(3)
    twice = rb.Graph(value, inner(inner(value)))
    np.testing.assert_array_equal(run(twice, run(inner, x)), run(inner, run(twice, x)))


def test_unused_nodes_are_left_out() -> None:
    x = rb.Input(3)
    rb.Dense(3, 7)(x)
    graph = rb.Graph(x, rb.Tanh()(x))
    assert [type(node.block).__name__ for node in graph.nodes] == ["Tanh"]
    assert graph.params == {}


def test_paths_name_the_saved_tensors() -> None:
    model = rb.Sequential(
        rb.Embedding(5, 3), rb.LSTM(3, 4), rb.Dropout(0.1), rb.GRU(4, 2, bias=False), rb.Dense(2, 5)
    )
    assert list(model.params) == [
        "0.weight",
        "1.weight_ih", "1.bias_ih", "1.weight_hh", "1.bias_hh",
        "3.weight_ih", "3.weight_hh",
        "4.weight", "4.bias",
    ]  # fmt: skip
    assert {path: a.shape for path, a in model.params.items() if path.startswith("1.")} == {
        "1.weight_ih": (16, 3), "1.bias_ih": (16,), "1.weight_hh": (16, 4), "1.bias_hh": (16,)
    }  # fmt: skip


def test_paths_of_a_person_s_cell() -> None:
    """Layers without a name are numbered in the order of their first use.

    Several inputs, several weights.
    """
    assert list(models.design_lstm(3, 2, "float32").params)[:3] == [
        "0.weight_0",
        "0.weight_1",
        "0.bias",
    ]


def test_a_path_begins_with_the_name() -> None:
    model = rb.Sequential(rb.Dense(3, 3, name="first"), rb.Dense(3, 3))
    assert list(model.params) == ["first.weight", "first.bias", "1.weight", "1.bias"]
    assert next(iter(rb.Sequential(model).params)) == "0.first.weight"


@pytest.mark.parametrize("initial", ["zeros", "learned"])
def test_a_recurrent_by_itself_is_the_graph_that_calls_it(initial: str) -> None:
    block = rb.Recurrent(rb.GRU(2, 3).cell, initial=initial)
    x = rb.Input()
    called, alone = rb.Graph(x, block(x)), as_model(block)
    assert vars(alone).keys() == vars(called).keys()
    for name in vars(called).keys() - {"slots", "_alone"}:
        assert vars(alone)[name] == vars(called)[name], name
    assert alone.slots == name_params([("", block)])
    assert alone.value_shapes((2,)) == called.value_shapes((2,)) == [(2,), (3,)]
    assert repr(alone) == repr(called)


def test_params_are_the_live_arrays() -> None:
    model = rb.Sequential(rb.LSTM(3, 4, rng=0))
    before = rb.predict(model, real(2, 1, 3))[0]
    model.params["0.weight_ih"][...] = 0
    model.params["0.bias_ih"][...] = 0
    assert not np.array_equal(rb.predict(model, real(2, 1, 3))[0], before)
    assert all(a is b for a, b in zip(model.params.values(), model.params.values(), strict=True))


def test_forget_bias_and_initialisers() -> None:
    plain, biased = rb.LSTM(3, 4, rng=0), rb.LSTM(3, 4, rng=0, forget_bias=2.0)
    difference = biased.params["bias_ih"] - plain.params["bias_ih"]
    np.testing.assert_allclose(difference, np.repeat([0, 2, 0, 0], 4), atol=1e-6)
    assert np.abs(plain.params["weight_hh"]).max() <= 0.5  # 1/√4
    assert np.abs(plain.params["weight_ih"]).max() > 0.4
    made = (
        rb.LSTM(3, 4, recurrent_init="orthogonal", dtype="float64")
        .params["weight_hh"]
        .reshape(4, 4, 4)
    )
    for gate in made:
        np.testing.assert_allclose(gate @ gate.T, np.eye(4), atol=1e-14)


def test_one_seed_gives_the_same_start_in_both_dtypes() -> None:
    single, double = rb.LSTM(3, 4, rng=5), rb.LSTM(3, 4, rng=5, dtype="float64")
    for path, array in double.params.items():
        np.testing.assert_array_equal(single.params[path], array.astype(np.float32))


INITIALIZERS: dict[str, tuple[Any, float]] = {
    "glorot": ("glorot", np.sqrt(2 / (300 + 200))),
    "he": ("he", np.sqrt(2 / 200)),
    "uniform": ("uniform", np.sqrt(1 / 200 / 3)),
    "uniform of a limit": (rb.initializers.uniform(0.2), 0.2 / np.sqrt(3)),
    "orthogonal": ("orthogonal", np.sqrt(1 / 300)),
}


@pytest.mark.parametrize("name", INITIALIZERS)
def test_spread_of_initial_values(name: str) -> None:
    """Standard deviation by the formula, within 1 %: 60,000 values have a spread of 0.3 %."""
    how, expected = INITIALIZERS[name]
    weight = rb.Dense(200, 300, weight_init=how, rng=0, dtype="float64").params["weight"]
    assert weight.std() == pytest.approx(expected, rel=0.01)
    assert abs(weight.mean()) < 0.02 * expected


def test_orthogonal_of_a_wide_matrix_has_orthonormal_rows() -> None:
    weight = rb.Dense(7, 5, weight_init="orthogonal", dtype="float64").params["weight"]
    np.testing.assert_allclose(weight @ weight.T, np.eye(5), atol=1e-14)


def test_a_recurrent_in_two_places_has_two_states_and_one_set_of_parameters() -> None:
    model = models.residual("float64")
    _, state = rb.predict(model, real(5, 2, 3))
    assert len(state) == 2
    assert not np.array_equal(state[0][0], state[1][0])
    assert sum(path.endswith("weight_hh") for path in model.params) == 1
