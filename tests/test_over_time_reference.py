"""The reference of networks over time, itself: on models of one axis, against the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests import models, penalty_models, several_inputs
from tests.helpers import reals
from tests.over_time_choice import quickly
from tests.over_time_gradients import (
    Reference,
    Wanted,
    assert_all_derivatives,
    assert_every_derivative,
)
from tests.over_time_reference import Given

MSE = rb.losses.MeanSquaredError()
T, B, N = 5, 3, 2
RUN: dict[str, Any] = {"chunk": 2}
ONE_INPUT: dict[str, Callable[[], Any]] = {
    "lstm": lambda: rb.LSTM(3, 2, dtype="float64", rng=0, initial="learned"),
    "gated unit": lambda: models.minimal_gated_unit(3, 2, "float64", norm=True),
    "slstm": lambda: rb.SLSTM(3, 2, dtype="float64", rng=0),
    "lru": lambda: rb.LRU(3, 2, dtype="float64", rng=0),
    "dropout in a cell": lambda: models.network_in_cell(3, 2, "float64"),
    "zoneout": lambda: rb.LSTM(3, 2, dtype="float64", rng=1, zoneout=0.3, recurrent_dropout=0.2),
    "residual": lambda: models.residual("float64"),
    "no recurrent": lambda: rb.Sequential(rb.Dense(3, 2, dtype="float64", rng=2), rb.Tanh()),
}
PENALISED = [name for name in penalty_models.MODELS if name not in ("between", "gate")]
"""But for two that drop too: their numbers are those of the graph that is run."""


@pytest.fixture(autouse=True)
def nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other backends compute is compared elsewhere."""
    monkeypatch.setenv("RNNBP_BACKEND", "interpreter")


def agree(reference: Reference, found: rb.Gradients, dx: dict[str, Any]) -> None:
    """That loss and gradients are those of the reference."""
    assert found.loss == pytest.approx(reference.loss().real, rel=1e-13)
    grads = dict(found.grads) | dx
    for k, parts in enumerate(found.dstate):
        names = [f"state{k}.{j}" for j in range(len(parts))]
        grads |= {
            name: delta for name, delta in zip(names, parts, strict=True)
            if name in reference.variables
        }  # fmt: skip
    assert_all_derivatives(reference, grads)


@pytest.mark.parametrize("name", quickly(ONE_INPUT, "lstm", "zoneout", "residual"))
def test_models_of_one_input(name: str) -> None:
    model = ONE_INPUT[name]()
    x = reals(T, B, 3)
    y, final = rb.predict(model, x, training=True, seed=7, **RUN)
    target = reals(*y.shape, seed=1)
    found = rb.bptt(model, x, target, MSE, seed=7, **RUN)
    reference = Reference(model, Given([x], seed=7), [Wanted(target)])
    np.testing.assert_allclose(reference.outputs()[0], y, rtol=0, atol=1e-14)
    for ours, parts in zip(reference.final(), final, strict=True):
        np.testing.assert_allclose(ours, parts, rtol=0, atol=1e-14)
    agree(reference, found, {"x0": found.dx})


def test_a_state_that_is_given() -> None:
    model = rb.Sequential(*(rb.LSTM(N, N, dtype="float64", rng=k) for k in range(2)))
    x, target = reals(T, B, N), reals(T, B, N, seed=1)
    state = [(reals(B, N, seed=k), reals(B, N, seed=k + 9)) for k in (2, 3)]
    found = rb.bptt(model, x, target, MSE, state=state, **RUN)
    agree(Reference(model, Given([x], state=state), [Wanted(target)]), found, {"x0": found.dx})


@pytest.mark.parametrize("name", quickly(several_inputs.MODELS, "mixed", "dropped"))
def test_models_of_several_inputs(name: str) -> None:
    model, data = several_inputs.MODELS[name][0](N), several_inputs.data(name, T, B, N)
    inputs = several_inputs.named(name, data.inputs)
    found = rb.bptt(model, inputs, data.target, MSE, seed=3, **RUN)
    given = Given(inputs, seed=3)
    dx = {f"x{k}": each for k, each in enumerate(found.dx) if each is not None}
    agree(Reference(model, given, [Wanted(data.target)]), found, dx)


@pytest.mark.parametrize("name", quickly(PENALISED, "static", "weights"))
def test_penalties(name: str) -> None:
    model = penalty_models.MODELS[name](N)
    inputs, target = penalty_models.data(name, T, B, N)
    several = isinstance(inputs, tuple)
    found = rb.bptt(model, inputs, target, MSE, **RUN)
    dx = dict(zip(("x0", "x1"), found.dx if several else (found.dx,), strict=False))
    reference = Reference(model, Given(inputs if several else [inputs]), [Wanted(target)])
    agree(reference, found, dx)


def test_classes_and_a_mask() -> None:
    model = models.stack("float64").astype("float64")
    symbols = np.random.default_rng(0).integers(0, 7, (T, B))
    mask = np.random.default_rng(1).random((T, B)) < 0.6
    found = rb.bptt(model, symbols, symbols, rb.losses.CrossEntropy(), mask=mask, seed=5, **RUN)
    wanted = Wanted(symbols, kind="ce", mask=mask)
    agree(Reference(model, Given([symbols], seed=5), [wanted]), found, {})


@pytest.mark.long
@pytest.mark.parametrize("name", ONE_INPUT)
def test_every_element(name: str) -> None:
    model, x = ONE_INPUT[name](), reals(T, B, 3)
    target = reals(*rb.predict(model, x, **RUN)[0].shape, seed=1)
    found = rb.bptt(model, x, target, MSE, **RUN)
    reference = Reference(model, Given([x]), [Wanted(target)])
    assert_every_derivative(reference, dict(found.grads) | {"x0": found.dx})


def test_what_is_wrong_is_seen_and_named() -> None:
    model, x = rb.RNN(1, 1, dtype="float64", rng=0), reals(3, 2, 1)
    target = reals(3, 2, 1, seed=1)
    found = rb.bptt(model, x, target, MSE, **RUN)
    grads = dict(found.grads) | {"x0": found.dx.copy()}
    grads["x0"][2, 1, 0] *= 1 + 1e-9
    reference = Reference(model, Given([x]), [Wanted(target)])
    with pytest.raises(AssertionError, match="x0"):
        assert_all_derivatives(reference, grads)
    with pytest.raises(AssertionError, match="x0"):
        assert_every_derivative(reference, grads)
