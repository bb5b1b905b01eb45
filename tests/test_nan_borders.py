"""NaN and infinity pass through every function that compares, in both directions."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.numerics import Array
from rnnbp.train.validation import validation_loss

BACKENDS = ["interpreter", "numpy", *["llvm"] * bool(find_spec("llvmlite"))]
MSE = rb.losses.MeanSquaredError()
NAN, INF = np.nan, np.inf


def factors(values: list[float]) -> Array:
    """x (1, N, 4) of finite numbers, of which ab + cd is each of the values in float32."""
    ways = {INF: (1e30, 1e30, 0, 0), -INF: (1e30, -1e30, 0, 0)}
    rows = [(1e30, 1e30, 1e30, -1e30) if v != v else ways.get(v, (v, 1, 0, 0)) for v in values]
    return np.array([rows], np.float32)


def through(layer: rb.layers.base.Layer, values: list[float], backend: str) -> tuple[Array, Array]:
    """f(v) and f′(v) of each of the values, inside a cell."""
    x, h = rb.Input(4), rb.State(1, "h")
    a, b, c, d = rb.Split(1, 1, 1, 1)(x)
    new = layer(a * b + c * d + h)
    model = rb.Recurrent(rb.Cell(x, {h: new}, output=new))
    found = rb.bptt(
        model,
        factors(values),
        None,
        lambda y, _: (0.0, np.ones_like(y)),
        backend=backend,
        state=[(np.zeros((len(values), 1), np.float32),)],
    )
    return found.state[0][0][:, 0], found.dstate[0][0][:, 0]


FORWARD: list[tuple[Any, list[float]]] = [
    (rb.ReLU(), [NAN, INF, 0, 0, 3, 0]),
    (rb.LeakyReLU(0.5), [NAN, INF, -INF, 0, 3, -1]),
    (rb.ELU(), [NAN, INF, -1, 0, 3, np.expm1(-2)]),
    (rb.Softplus(), [NAN, INF, 0, np.log(2), np.log1p(np.exp(3)), np.log1p(np.exp(-2))]),
    (rb.Sigmoid(), [NAN, 1, 0, 0.5, 1 / (1 + np.exp(-3)), 1 / (1 + np.exp(2))]),
    (rb.Tanh(), [NAN, 1, -1, 0, np.tanh(3), np.tanh(-2)]),
    (rb.GELU(), [NAN, INF, NAN, 0, 2.99595031, -0.04550026]),
]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("layer", "expected"), FORWARD, ids=[str(layer) for layer, _ in FORWARD])
def test_values_that_are_not_finite(layer: Any, expected: list[float], backend: str) -> None:
    y, _ = through(layer, [NAN, INF, -INF, 0, 3, -2], backend)
    np.testing.assert_allclose(y, expected, rtol=1e-6)
    np.testing.assert_allclose(
        layer(np.array([NAN, INF, -INF, 0, 3, -2], np.float32)), expected, rtol=1e-6
    )


BACKWARD: list[tuple[Any, list[float]]] = [
    (rb.ReLU(), [1, 1, 0, 0, 1, 0]),  # PyTorch cuts off what is at most 0: NaN passes its delta
    (rb.LeakyReLU(0.5), [0.5, 1, 0.5, 0.5, 1, 0.5]),
    (rb.Sigmoid(), [NAN, 0, 0, 0.25, 0.045176660, 0.10499359]),
    (rb.Tanh(), [NAN, 0, 0, 1, 0.0098660372, 0.07065082]),
]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("layer", "expected"), BACKWARD, ids=[str(layer) for layer, _ in BACKWARD])
def test_derivatives_there(layer: Any, expected: list[float], backend: str) -> None:
    _, slopes = through(layer, [NAN, INF, -INF, 0, 3, -2], backend)
    np.testing.assert_allclose(slopes, expected, rtol=2e-5)


def diverging(activation: str = "relu") -> rb.Recurrent:
    """h0 and h1 double at every step, and h2 = relu(h0 − h1 + 1): inf − inf after 130 steps."""
    cell = rb.RNN(1, 3, activation=activation, rng=0)
    cell.params["weight_hh"][...] = [[2, 0, 0], [0, 2, 0], [1, -1, 0]]
    for name, value in (("weight_ih", 1), ("bias_ih", 0), ("bias_hh", 0)):
        cell.params[name][...] = value
    return cell


def maximum(cell: rb.Recurrent) -> Any:
    return rb.Sequential(cell, rb.MaxPool(3))


MODELS: dict[str, Callable[[], Any]] = {
    "slice": lambda: rb.Sequential(diverging(), rb.Slice(3, 2, 3)),
    "relu": lambda: rb.Sequential(diverging(), rb.Slice(3, 2, 3), rb.ReLU()),
    "max": lambda: maximum(diverging()),
    "elu": lambda: rb.Sequential(diverging(), rb.Slice(3, 2, 3), rb.ELU(), rb.LeakyReLU()),
    "softplus": lambda: rb.Sequential(diverging(), rb.Slice(3, 2, 3), rb.Softplus()),
    "softmax": lambda: rb.Sequential(diverging(), rb.Softmax(), rb.Slice(3, 2, 3)),
    "norm": lambda: rb.Sequential(diverging(), rb.LayerNorm(3), rb.Slice(3, 2, 3)),
}
X, Y = np.ones((300, 1, 1), np.float32), np.ones((300, 1, 1), np.float32)
LOSSES = [MSE, rb.losses.MeanAbsoluteError(), rb.losses.Huber(), rb.losses.BinaryCrossEntropy()]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("model", MODELS)
def test_a_sequence_that_diverges_has_a_loss_of_nan(model: str, backend: str) -> None:
    net = MODELS[model]()
    found = rb.bptt(net, X, Y, MSE, backend=backend)
    assert np.isnan(found.loss)
    assert all(np.isnan(g).any() for g in found.grads.values() if g.shape[0] == 3)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_every_loss_is_nan_there(loss: rb.losses.Loss) -> None:
    assert np.isnan(rb.bptt(MODELS["slice"](), X, Y, loss).loss)
    assert np.isnan(rb.evaluate(MODELS["slice"](), X, Y, loss)[0])


@pytest.mark.parametrize("model", MODELS)
def test_what_runs_forward_alone_and_training(model: str) -> None:
    net, data = MODELS[model](), rb.Sequences(X.swapaxes(0, 1), Y.swapaxes(0, 1), batch_size=1)
    assert np.isnan(rb.predict(net, X)[0][-1]).all()
    assert np.isnan(validation_loss(net, data, MSE))
    before = {name: p.copy() for name, p in net.params.items()}
    with pytest.raises(FloatingPointError, match="step 1: the loss is nan"):
        rb.fit(net, data, loss=MSE, optimizer="sgd", learning_rate=0.1, epochs=1)
    for name, p in net.params.items():
        np.testing.assert_array_equal(p, before[name])


@pytest.mark.parametrize("pool", [rb.MaxPool(2), rb.AvgPool(2)], ids=str)
@pytest.mark.parametrize("at", range(4))
def test_pooling(pool: Any, at: int) -> None:
    x = np.array([1.0, 2.0, 3.0, 4.0])
    x[at] = NAN
    assert np.isnan(pool(x)).tolist() == [at < 2, at >= 2]


def test_the_tail_of_gelu() -> None:
    """x Φ(x) by the complement of the error function: ½ + ½ erf is 0 below −6 in float32."""
    x = np.array([-3.0, -6.0, -9.0, -12.0])
    exact = [-0.00404969409, -5.91952587e-09, -1.015729565e-18, -2.131778534e-32]
    np.testing.assert_allclose(rb.GELU()(x.astype(np.float32)), exact, rtol=1e-5)
    np.testing.assert_allclose(rb.GELU()(x), exact, rtol=1e-7)
