"""Parameter arrays put in place of others, tied or not, in networks, optimisers, training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

X = np.random.default_rng(0).integers(0, 4, (6, 3))
LOSS = rb.losses.CrossEntropy()
BACKENDS = pytest.mark.parametrize("backend", ["interpreter", "numpy", "llvm"])


def tied(rule: bool = True) -> rb.Sequential:
    """An Embedding and a Dense of one shape of weights, tied if so ruled."""
    embedding, head = rb.Embedding(4, 3, rng=0), rb.Dense(3, 4, rng=2)
    if rule:
        head.params["weight"] = embedding.params["weight"]
    return rb.Sequential(embedding, rb.RNN(3, 3, rng=1), head)


def set_all(layer: Any, weight: np.ndarray) -> None:
    layer.params = {"weight": weight, "bias": layer.params["bias"]}


def set_one(layer: Any, weight: np.ndarray) -> None:
    layer.params["weight"] = weight


def set_as_another_has_them(layer: Any, weight: np.ndarray) -> None:
    other = rb.Dense(3, 4, rng=9)
    other.params["weight"][...] = weight
    other.params["bias"][...] = layer.params["bias"]
    layer.params = other.params


@BACKENDS
@pytest.mark.parametrize("put", [set_all, set_one, set_as_another_has_them])
@pytest.mark.parametrize("after_a_run", [False, True])
def test_new_arrays_are_used_everywhere(
    put: Callable[[Any, Any], None], backend: str, after_a_run: bool
) -> None:
    model, expected = tied(False), tied(False)
    for _ in range(after_a_run):
        rb.bptt(model, X, X, LOSS, backend=backend)
    weight = np.random.default_rng(5).normal(size=(4, 3)).astype(np.float32)
    put(model.blocks[2], weight)
    expected.params["2.weight"][...] = weight
    np.testing.assert_array_equal(model.params["2.weight"], weight)
    np.testing.assert_array_equal(rb.predict(model, X)[0], rb.predict(expected, X)[0])
    one, two = (rb.bptt(m, X, X, LOSS, backend=backend).grads for m in (model, expected))
    for name in two:
        np.testing.assert_array_equal(one[name], two[name])


@BACKENDS
def test_new_arrays_within_a_cell_are_used_by_what_was_compiled(backend: str) -> None:
    x, h = rb.Input(3), rb.State(4, "h")
    dense = rb.Dense((3, 4), 4, rng=0)
    model = rb.Recurrent(rb.Cell(x, {h: (new := rb.Tanh()(dense(x, h)))}, new))
    inputs = np.random.default_rng(1).normal(size=(5, 2, 3)).astype(np.float32)

    def square(y: np.ndarray, _: Any) -> Any:
        return float((y**2).sum()), 2 * y

    before = rb.bptt(model, inputs, None, square, backend=backend)
    dense.params = {name: 2 * p for name, p in dense.params.items()}
    after = rb.bptt(model, inputs, None, square, backend=backend)
    assert after.loss != before.loss
    for p in model.params.values():
        p /= 2
    again = rb.bptt(model, inputs, None, square, backend=backend)
    assert again.loss == before.loss
    for name, grad in before.grads.items():
        np.testing.assert_array_equal(again.grads[name], grad)


def test_a_weight_untied_after_building_is_a_parameter_of_its_own() -> None:
    model = tied()
    assert "2.weight" not in model.params
    model.blocks[2].params["weight"] = model.params["0.weight"].copy()
    assert model.params["2.weight"] is model.blocks[2].params["weight"]
    float64 = model.astype("float64")
    rb.check_grads(float64, X, X, LOSS)
    assert "2.weight" in rb.bptt(float64, X, X, LOSS).grads


def test_layers_that_share_all_parameters_are_tied_within_a_network() -> None:
    a, b = rb.Dense(3, 3, rng=0), rb.Dense(3, 3, rng=1)
    model = rb.Sequential(a, rb.Tanh(), b)
    b.params = a.params
    assert list(model.params) == ["0.weight", "0.bias"]
    rb.check_grads(
        model.astype("float64"),
        np.ones((2, 2, 3)),
        np.zeros((2, 2, 3)),
        rb.losses.MeanSquaredError(),
    )


def replace(model: Any) -> None:
    model.blocks[2].params["weight"] = np.zeros((4, 3), np.float32)


def tie(model: Any) -> None:
    model.blocks[2].params["weight"] = model.blocks[0].params["weight"]


def untie(model: Any) -> None:
    model.blocks[2].params["weight"] = model.params["0.weight"].copy()


CHANGES: dict[str, tuple[bool, Callable[[Any], None], str]] = {
    "replaced": (
        False,
        replace,
        "'2.weight' is a different array since the optimiser was built; write into a parameter",
    ),
    "tied": (False, tie, "'2.weight' is no longer there, or tied to a different one since"),
    "untied": (True, untie, "'2.weight' is new since the optimiser was built"),
}


@pytest.mark.parametrize("of_params", [False, True])
@pytest.mark.parametrize("rule", [rb.optim.SGD, rb.optim.Adam, rb.optim.RMSProp])
@pytest.mark.parametrize("case", CHANGES)
def test_an_optimiser_notices_at_the_next_step(case: str, rule: Any, of_params: bool) -> None:
    was_tied, change, message = CHANGES[case]
    model = tied(was_tied)
    optimizer = rule(model.params if of_params else model)
    optimizer.step(rb.bptt(model, X, X, LOSS).grads)
    change(model)
    before = model.params.copy()
    with pytest.raises(ValueError, match=rf"^{rule.__name__}: parameter {message}"):
        optimizer.step(rb.bptt(model, X, X, LOSS).grads)
    assert all(np.array_equal(p, before[name]) for name, p in model.params.items())


@pytest.mark.parametrize("case", CHANGES)
def test_a_trainer_notices_at_the_next_step(case: str) -> None:
    was_tied, change, message = CHANGES[case]
    model, data = tied(was_tied), rb.Sequences(X.T, X.T, batch_size=3)
    trainer = rb.Trainer(model, rb.optim.Adam(model), LOSS, progress=False)
    trainer.fit(data, until_steps=2)
    change(model)
    with pytest.raises(ValueError, match=rf"Adam: parameter {message}"):
        trainer.fit(data, until_steps=4)


def test_a_trainer_of_some_parameters_notices_those() -> None:
    model, data = tied(False), rb.Sequences(X.T, X.T, batch_size=3)
    some = {name: p for name, p in model.params.items() if name.startswith("2.")}
    trainer = rb.Trainer(model, rb.optim.Adam(some), LOSS, progress=False)
    trainer.fit(data, steps=1)
    model.blocks[0].params["weight"] = np.ones((4, 3), np.float32)  # which it leaves alone
    trainer.fit(data, until_steps=2)
    replace(model)
    with pytest.raises(ValueError, match=r"'2\.weight' is a different array"):
        trainer.fit(data, until_steps=3)


def test_a_dict_of_ones_own_is_compared_with_itself() -> None:
    params = {"a": np.ones(2), "b": np.ones(3)}
    optimizer = rb.optim.SGD(params, learning_rate=0.5)
    params["c"] = np.ones(1)  # which it never had
    optimizer.step({"a": np.ones(2), "b": np.ones(3)})
    params["b"] = np.ones(3)
    with pytest.raises(ValueError, match="SGD: parameter 'b' is a different array"):
        optimizer.step({"a": np.ones(2), "b": np.ones(3)})
    np.testing.assert_array_equal(params["a"], [0.5, 0.5])
