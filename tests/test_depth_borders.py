"""Depth: cells of a thousand operations in a chain, and networks of a thousand layers."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.compiler.passes import RULES
from tests.helpers import assert_close

pytestmark = pytest.mark.long

DEPTH = 1000
COMPILED = ["numpy", *(["llvm"] if find_spec("llvmlite") else [])]
LOSS = rb.losses.MeanSquaredError()


def dense(rng: int, n: int = 3) -> rb.Dense:
    return rb.Dense((2, n), n, rng=rng, dtype="float64")


def sums(v: Any, x: Any, h: Any) -> Any:
    for _ in range(DEPTH):
        v = v + h
    return rb.Scale(0.01)(v)


def differences(v: Any, x: Any, h: Any) -> Any:
    """A sigmoid of a sum as long as the cell, with a factor at every place."""
    for _ in range(DEPTH // 2):
        v = rb.Scale(0.9)(v) - h
    return rb.Sigmoid()(v)


def rectified(v: Any, x: Any, h: Any) -> Any:
    for k in range(DEPTH):
        v = rb.ReLU()(v) if k % 2 else rb.Scale(-1.0, 1.0)(v)
    return v


def products(v: Any, x: Any, h: Any) -> Any:
    for _ in range(DEPTH // 4):
        v = v * rb.Scale(0.01, 1.0)(h)
    return rb.Tanh()(v)


def denses(v: Any, x: Any, h: Any) -> Any:
    """A sum of products with weights."""
    for k in range(DEPTH // 20):
        v = v + dense(k + 1)(x, h)
    return rb.Sigmoid()(v)


def parts(v: Any, x: Any, h: Any) -> Any:
    for _ in range(DEPTH // 20):
        a, b = rb.Split(1, 2)(v)
        v = rb.Concat(2, 1)(b, a)
    return rb.Tanh()(v)


def residual(v: Any, x: Any, h: Any) -> Any:
    for _ in range(DEPTH // 8):
        v = v + rb.Scale(0.001)(rb.Sigmoid()(v))
    return rb.Tanh()(v)


def tanhs(v: Any, x: Any, h: Any) -> Any:
    for _ in range(DEPTH):
        v = rb.Tanh()(v)
    return v


def units(v: Any, x: Any, h: Any) -> Any:
    """Sigmoid linear units, which multiply."""
    for _ in range(DEPTH // 2):
        v = v * rb.Scale(2.0)(rb.Sigmoid()(v))
    return rb.Tanh()(v)


CHAINS: dict[str, Callable[..., Any]] = {
    f.__name__: f
    for f in (sums, differences, rectified, products, denses, parts, residual, tanhs, units)
}


def cell_of(chain: Callable[..., Any]) -> rb.Recurrent:
    x, h = rb.Input(2), rb.State(3, "h")
    v = chain(dense(0)(x, h), x, h)
    return rb.Recurrent(rb.Cell(x, {h: v}, v))


def data(n: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(3, 2, 2)), rng.normal(size=(3, 2, n))


def assert_same(found: Any, wanted: Any) -> None:
    assert found.loss == pytest.approx(wanted.loss, rel=1e-12)
    assert_close(found, wanted, rtol=1e-10)


RUNS: list[Any] = [("numpy", chain, ()) for chain in CHAINS]
RUNS += [
    pytest.param(backend, chain, (), marks=[pytest.mark.grid] * (chain == "units"))
    for backend in COMPILED[1:]
    for chain in CHAINS
]
RUNS += [
    ("numpy", chain, left)
    for chain, left in (("sums", ("turned",)), ("differences", ("sums",)), ("residual", RULES))
]


@pytest.mark.parametrize(("backend", "chain", "without"), RUNS)
def test_a_long_chain_in_a_cell(backend: str, chain: str, without: tuple[str, ...]) -> None:
    model, chosen = cell_of(CHAINS[chain]), rb.Backend(backend, without=without)
    assert_same(
        rb.bptt(model, *data(), LOSS, backend=chosen),
        rb.bptt(model, *data(), LOSS, backend="interpreter"),
    )


def test_what_else_reads_a_long_chain() -> None:
    model = cell_of(differences)
    x, target = data()
    wanted = rb.bptt(model, x, target, LOSS, backend="numpy")
    assert "500 Scale" in str(rb.explain(model))
    assert (
        rb.forecast(model, LOSS, steps=3, batch=2, backend="numpy").peak_bytes
        == wanted.stats.peak_bytes
    )
    plan = rb.plan(model, LOSS, steps=3, batch=2, budget=10**7, backend="numpy")
    assert_same(rb.bptt(model, x, target, LOSS, checkpoint=plan, backend="numpy"), wanted)
    assert rb.check_grads(model, x, target, LOSS, samples=1).worst < 1e-12
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), model.astype("float64")):
        assert_same(rb.bptt(other, x, target, LOSS, backend="numpy"), wanted)


def sequential() -> Any:
    layers = [rb.Scale(0.999) if k % 2 else rb.Tanh() for k in range(DEPTH)]
    return rb.Sequential(
        rb.Dense(2, 3, rng=0, dtype="float64"), *layers, rb.RNN(3, 3, rng=1, dtype="float64")
    )


def graph() -> Any:
    """Each layer takes the sum of all before it."""
    x = rb.Input(2)
    v = rb.Dense(2, 3, rng=0, dtype="float64")(x)
    for _ in range(DEPTH // 2):
        v = v + rb.Scale(0.001)(v)
    return rb.Graph(x, rb.RNN(3, 3, rng=1, dtype="float64")(v))


@pytest.mark.parametrize("build", [sequential, graph])
def test_a_deep_network(build: Callable[[], Any]) -> None:
    model, (x, target) = build(), data()
    wanted = rb.bptt(model, x, target, LOSS, backend="interpreter")
    for backend in COMPILED:
        found = rb.bptt(model, x, target, LOSS, backend=backend)
        assert_same(found, wanted)
        predicted = rb.forecast(model, LOSS, steps=3, batch=2, x_shape=(2,), backend=backend)
        assert predicted.peak_bytes == found.stats.peak_bytes
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), model.astype("float64")):
        assert_same(rb.bptt(other, x, target, LOSS), wanted)
    assert rb.predict(model, x)[0].shape == (3, 2, 3)
    assert repr(model).count("Scale") >= 1


def test_chains_within_chains() -> None:
    """Two hundred nested Sequentials are shown and copied, with what they share."""
    tanh = rb.Tanh()
    model = rb.Sequential(rb.RNN(2, 3, rng=0, dtype="float64"), tanh)
    for _ in range(200):
        model = rb.Sequential(model, tanh)
    assert repr(model) == "Sequential(" * 201 + repr(model.nodes[0].block) + ", Tanh())" * 201
    twin = copy.deepcopy(model)
    assert repr(twin) == repr(model)
    assert len({id(node.block) for node in twin.nodes[1:]}) == 1
    assert twin.nodes[1].block is not tanh
    twin.params["0." * 200 + "0.weight_ih"][...] = 0
    assert model.params["0." * 200 + "0.weight_ih"].all()
    x, target = data()
    assert_same(rb.bptt(model.astype("float64"), x, target, LOSS), rb.bptt(model, x, target, LOSS))
