"""Penalties on parameters, added to a loss: gradients, what is reported, patterns, bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import assert_same_named, reals
from tests.traced_runs import traced

L1, L2 = rb.losses.L1, rb.losses.L2
MSE = rb.losses.MeanSquaredError()
T, B, N = 9, 3, 4
X, TARGET = reals(T, B, N), reals(T, B, N, seed=1)


def model(n: int = N) -> rb.Sequential:
    lstm = rb.LSTM(n, n, rng=0, dtype="float64")
    return rb.Sequential(lstm, rb.Dense(n, n, rng=1, dtype="float64"))


def squares(y: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    return float(((y - target) ** 2).sum()), 2 * (y - target)


@pytest.mark.parametrize(
    "loss", [MSE, squares, rb.losses.WholeSequence(squares)], ids=["library", "function", "whole"]
)
def test_loss_and_gradients_are_those_of_the_data_and_the_terms(loss: Any) -> None:
    run: dict[str, Any] = {"chunk": 4, "checkpoint": "sqrt"}
    plain, network = rb.bptt(model(), X, TARGET, loss, **run), model()
    of_both = loss + L2(0.3, "*weight*") + L1(0.2, ("1.weight", "0.bias_hh"))
    found = rb.bptt(network, X, TARGET, of_both, **run)
    expected, parts = dict(plain.grads), dict[str, float]()
    for path, w in network.params.items():
        squared, sized = 0.3 * ("weight" in path), 0.2 * (path in ("1.weight", "0.bias_hh"))
        expected[path] = expected[path] + squared * 2 * w + sized * np.sign(w)
        parts |= {path: (squared * w**2 + sized * abs(w)).sum()} if squared + sized else {}
    assert found.penalties == pytest.approx(parts, rel=1e-12)
    assert found.loss == pytest.approx(plain.loss + sum(parts.values()), rel=1e-12)
    for path, grad in expected.items():
        np.testing.assert_allclose(found.grads[path], grad, rtol=0, atol=1e-14)
    assert list(plain.penalties) == []


def test_they_stand_next_to_penalties_on_values() -> None:
    network = rb.Sequential(rb.RNN(N, N, rng=0, dtype="float64"), rb.Penalty(l2=0.1, name="rates"))
    loss = MSE + L2(0.3, "0.weight_hh") + L1(0.2)
    assert list(rb.bptt(network, X, TARGET, loss).penalties)[:2] == ["rates", "0.weight_hh"]
    check = rb.check_grads(network, X[:4], TARGET[:4], loss, chunk=3, checkpoint="sqrt")
    assert check.worst < 1e-12


def test_parameters_that_are_values_and_tied_ones_count_once() -> None:
    w = rb.Parameter((N, N), rng=0, name="w", dtype="float64")
    x, h = rb.Input(N), rb.State(N, "h")
    cell = rb.Cell(x, {h: rb.Tanh()(w @ h + x)}, output=h)
    outer = rb.Input(N)
    network = rb.Graph(outer, w @ rb.Recurrent(cell)(outer))
    found = rb.bptt(network, X, TARGET, MSE + L2(0.5))
    assert found.penalties == {"w": pytest.approx(0.5 * (network.params["w"] ** 2).sum())}
    assert rb.check_grads(network, X[:4], TARGET[:4], MSE + L2(0.5)).worst < 1e-12


def test_schedules_and_backends_give_the_same() -> None:
    loss = MSE + L2(0.3, "*weight*")
    first = rb.bptt(model(), X, TARGET, loss, chunk=4)
    again = rb.bptt(model(), X, TARGET, loss, chunk=4, checkpoint="sqrt")
    assert_same_named(again.grads, first.grads)
    assert (again.loss, again.penalties) == (first.loss, first.penalties)
    stream = rb.bptt(model(), iter(np.array_split(X, 3)), TARGET, loss, chunk=4)
    assert (stream.loss, stream.penalties) == (first.loss, first.penalties)


def test_a_batch_without_time_has_them() -> None:
    dense = rb.Dense(N, N, rng=0, dtype="float64")
    for loss in (MSE, squares):
        plain = rb.backprop(dense, X[0], TARGET[0], loss)
        found = rb.backprop(dense, X[0], TARGET[0], loss + L2(0.5, "weight"))
        np.testing.assert_allclose(
            found.grads["weight"], plain.grads["weight"] + dense.params["weight"]
        )


def test_evaluation_takes_the_loss_of_the_data_alone() -> None:
    data = rb.Sequences(X.swapaxes(0, 1), TARGET.swapaxes(0, 1), batch_size=B)
    alone = rb.evaluate(model(), data, MSE)
    assert rb.evaluate(model(), data, MSE + L2(0.5)) == alone
    assert (MSE + L2(0.5))(X, TARGET)[0] == MSE(X, TARGET)[0]


REFUSED: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "negative": (lambda: L2(-1.0), ValueError, "L2: factor"),
    "no pattern": (lambda: L1(1.0, 3), TypeError, "L1: on is a pattern"),
    "no loss": (lambda: L1(1.0) + L2(2.0), TypeError, r"as CrossEntropy\(\) \+ L1"),
    "no parameter": (
        lambda: rb.bptt(model(), X, TARGET, MSE + L2(1.0, "0.weigth_hh")),
        ValueError,
        r"L2\(1.0, '0.weigth_hh'\): on: .* fits no parameter \(did you mean '0.weight_hh'",
    ),
    "not a loss": (lambda: rb.bptt(model(), X, TARGET, 3 + L2(1.0)), TypeError, "loss must be"),
    "penalty alone": (lambda: rb.bptt(model(), X, TARGET, L2(1.0)), TypeError, "loss must be"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_errors_name_what_is_wrong(name: str) -> None:
    call, error, text = REFUSED[name]
    with pytest.raises(error, match=text):
        call()


@pytest.mark.long
@pytest.mark.parametrize("factor", [pytest.param(1, marks=pytest.mark.long), 40])
def test_forecast_ledger_and_tracemalloc_agree(factor: int) -> None:
    n, loss = 10 * factor, MSE + L1(0.3) + L2(0.3)
    network, x, target = model(n), reals(2, 1, n), reals(2, 1, n)
    peak, stats = traced(network, x, target, loss)
    told = stats.peak_bytes + stats.object_bytes
    assert abs(peak - told) <= max(0.01 * told, 2**16)
    expected = rb.forecast(network, loss, steps=2, batch=1, x_shape=(n,))
    assert expected.peak_bytes_by_kind == stats.peak_bytes_by_kind


@pytest.mark.long
def test_a_plan_is_kept() -> None:
    loss = MSE + L2(0.3)
    planned = rb.plan(model(40), loss, steps=50, batch=2, x_shape=(40,), budget="2 MB")
    x, target = reals(50, 2, 40), reals(50, 2, 40)
    found = rb.bptt(model(40), x, target, loss, checkpoint=planned)
    assert found.stats.peak_bytes_by_kind == planned.forecast.peak_bytes_by_kind
