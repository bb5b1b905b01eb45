"""numpy.seterr changes no result, and is what it was after every call."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.numerics import Array

BACKENDS = ["interpreter", "numpy", *["llvm"] * bool(find_spec("llvmlite"))]
X = np.random.default_rng(0).integers(0, 5, (40, 4))
LOSS = rb.losses.CrossEntropy()
MSE = rb.losses.MeanSquaredError()


def model(dtype: str = "float32") -> rb.Sequential:
    """Logits so far apart that their softmax underflows."""
    far: Any = lambda g, s: 300 * g.normal(size=s)  # noqa: E731
    head = rb.Dense(16, 5, weight_init=far, rng=2, dtype=dtype)
    return rb.Sequential(
        rb.Embedding(5, 8, rng=0, dtype=dtype), rb.LSTM(8, 16, rng=1, dtype=dtype), head
    )


def huge() -> rb.Sequential:
    """Activations that overflow, and underflow."""
    net = rb.Sequential(rb.RNN(2, 3, activation="relu", rng=0), rb.Dense(3, 2, rng=1))
    net.params["0.weight_hh"][...] = 30
    net.params["0.weight_ih"][...] = [[1e-38, 1e-30], [1, 1], [1, -1]]
    return net


REALS = np.full((40, 2, 2), 1e-8, np.float32)


def fitted() -> Any:
    net = model()
    data = rb.Sequences(X.T, X.T, batch_size=2)
    history = rb.fit(
        net,
        data,
        loss=LOSS,
        optimizer="adam",
        learning_rate=0.01,
        epochs=2,
        clip_norm=1e-30,
        validation=data,
    )
    return history.losses, history.validation_losses, net.params["0.weight"]


def stepped(rule: Callable[[dict[str, Array]], Any]) -> Any:
    params = {"p": np.full(3, 1e-30, np.float32)}
    for g in (1e-25, 1e-3, 1e15):
        rule(params).step({"p": np.full(3, g, np.float32)})
    return params["p"]


def minimised() -> Any:
    params = {"p": np.array([1e-30, 2.0], np.float32)}
    return rb.optim.lbfgs(
        lambda: (float((params["p"] ** 2).sum()), {"p": 2 * params["p"]}), params
    ).loss, params["p"]


def clipped() -> Any:
    grads = {"a": np.array([1e-30, 1e19], np.float32)}
    norm = rb.optim.clip_norm(grads, 1e-10)
    rb.optim.clip_value(grads, 1e-30)
    return norm, grads["a"]


def gradients(net: Any, x: Any, loss: Any, **options: Any) -> Any:
    found = rb.bptt(net, x, x, loss, **options)
    return found.loss, *found.grads.values(), found.dx


RULES = [
    lambda p: rb.optim.SGD(p, learning_rate=1e-30, momentum=0.9),
    lambda p: rb.optim.Adam(p, learning_rate=1e-30),
    lambda p: rb.optim.AdamW(p, learning_rate=1e-30),
    lambda p: rb.optim.RMSProp(p, learning_rate=1e-30),
    lambda p: rb.optim.Adagrad(p, learning_rate=1e-30),
]
SOME = np.array([[-1e30, -90.0, -1e-40, 1e-20, 90.0, 1e30]], np.float32)
LOSSES = [
    MSE,
    rb.losses.MeanAbsoluteError(),
    rb.losses.Huber(1e-30),
    rb.losses.Quantile(0.9),
    rb.losses.BinaryCrossEntropy(),
]
LAYERS = [
    rb.Sigmoid(),
    rb.Tanh(),
    rb.Softplus(),
    rb.ELU(),
    rb.GELU(),
    rb.Softmax(),
    rb.LogSoftmax(),
    rb.LayerNorm(6),
]
RATES: list[Any] = [
    rb.optim.Constant(1e-300),
    rb.optim.Cosine(1e-300, 10**9),
    rb.optim.StepDecay(1e-3, 1, 1e-9),
    rb.optim.WarmUp(rb.optim.Constant(1e-300), 10**9),
    rb.optim.StepDecay(np.float64(1e-3), 1, np.float64(1e-9)),
]
CALLS: dict[str, Callable[[], Any]] = {
    **{f"bptt {b}": (lambda b=b: gradients(model(), X, LOSS, backend=b)) for b in BACKENDS},
    **{f"overflow {b}": (lambda b=b: gradients(huge(), REALS, MSE, backend=b)) for b in BACKENDS},
    "backprop": lambda: rb.backprop(rb.Dense(2, 2, rng=0), REALS[0], REALS[0] * 0, MSE).loss,
    "predict": lambda: rb.predict(model(), X)[0],
    "evaluate": lambda: rb.evaluate(model(), X, X, LOSS)[0],
    "fit": fitted,
    "check_grads": lambda: rb.check_grads(model("float64"), X[:3], X[:3], LOSS, samples=3).worst,
    "lbfgs": minimised,
    "clip": clipped,
    **{f"rule {k}": (lambda rule=rule: stepped(rule)) for k, rule in enumerate(RULES)},
    **{
        f"loss {loss}": (lambda loss=loss: loss(SOME, np.full_like(SOME, 1e-40))) for loss in LOSSES
    },
    "loss": lambda: LOSS(SOME, np.array([3])),
    **{f"layer {layer}": (lambda layer=layer: layer(SOME)) for layer in LAYERS},
    **{
        f"rate {k}": (lambda rate=rate: [rate(n) for n in (0, 1, 50, 10**6)])
        for k, rate in enumerate(RATES)
    },
    "initializer": lambda: rb.Dense(
        3, 3, weight_init=lambda g, s: 1e-300 * g.normal(size=s), rng=0
    ).params["weight"],
}
OTHER: dict[str, Callable[[], Any]] = {
    "budget": lambda: gradients(model(), X, LOSS, checkpoint="2 MB")[0],
    "plan": lambda: rb.plan(model(), LOSS, steps=40, batch=4, budget="1 MB"),
    "calibrate": lambda: rb.calibrate(huge(), batch=3),
    "compare": lambda: rb.compare.sweep(
        model(), X, X, LOSS, shares=(90,), schedules=("sqrt",), repeats=1
    ),
}


def flat(tree: Any) -> list[Any]:
    return (
        [part for one in tree for part in flat(one)] if isinstance(tree, (tuple, list)) else [tree]
    )


@pytest.mark.parametrize("call", CALLS)
def test_the_same_results_whatever_it_is(call: str) -> None:
    with np.errstate(all="ignore"):
        expected = flat(CALLS[call]())
    with np.errstate(all="raise"):
        before = np.geterr()
        found = flat(CALLS[call]())
        assert np.geterr() == before
    with np.errstate(all="warn"), warnings.catch_warnings():
        warnings.simplefilter("error")
        warned = flat(CALLS[call]())
    for a, b, c in zip(found, warned, expected, strict=True):
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, c)


@pytest.mark.long
@pytest.mark.parametrize("call", OTHER)
def test_what_measures_runs(call: str) -> None:
    with np.errstate(all="raise"):
        before = np.geterr()
        assert OTHER[call]() is not None
        assert np.geterr() == before


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("backend", BACKENDS)
def test_it_is_back_after_an_exception(backend: str, error: type[BaseException]) -> None:
    def loss(y: Array, target: Any) -> Any:
        raise error("of the user")

    with np.errstate(under="raise", over="call", invalid="print", divide="warn"):
        before = np.geterr()
        with pytest.raises(error, match="of the user"):
            rb.bptt(model(), X, None, loss, backend=backend)
        assert np.geterr() == before
        with pytest.raises(rb.ShapeError):
            rb.predict(model(), X[0])
        assert np.geterr() == before


def test_a_target_beyond_the_dtype_is_told_from_one_that_is_tiny() -> None:
    """Rounding to 0 is no overflow."""
    y = np.zeros((1, 1), np.float32)
    with np.errstate(all="raise"):
        assert MSE(y, np.array([[1e-300]]))[0] == 0
        with pytest.raises(ValueError, match="beyond float32"):
            MSE(y, np.array([[1e300]]))
