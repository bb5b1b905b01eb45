"""Penalties on values: gradients, backends, schedules, what is reported."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp import schedules
from tests.helpers import UseThreads, assert_close, assert_same_named
from tests.penalty_models import MODELS, OPTIONS, data

MSE = rb.losses.MeanSquaredError()
BACKENDS = ["interpreter", "numpy", "llvm"]


def run(name: str, **options: Any) -> rb.Gradients:
    x, target = data(name, 13, 3, 4)
    return rb.bptt(MODELS[name](4), x, target, MSE, **{"chunk": 5, **options})


@pytest.mark.one_in(2, "name")
@pytest.mark.parametrize("checkpoint", ["all", "sqrt"])
@pytest.mark.parametrize("name", MODELS)
def test_gradients_are_those_of_the_loss_with_penalties(name: str, checkpoint: str) -> None:
    x, target = data(name, 4, 2, 2)
    run: Any = {"chunk": 3, "checkpoint": checkpoint}
    assert rb.check_grads(MODELS[name](2), x, target, MSE, **run).worst < 1e-12


@pytest.mark.long
@pytest.mark.parametrize("name", MODELS)
def test_backends_agree(name: str) -> None:
    first = run(name, backend="interpreter")
    for backend in ("numpy", "llvm"):
        other = run(name, backend=backend)
        assert other.loss == pytest.approx(first.loss, rel=1e-13)
        assert other.penalties == pytest.approx(first.penalties, rel=1e-13)
        assert_close(other, first)


@pytest.mark.long
@pytest.mark.one_in(9, "name")
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_schedules_and_threads_give_the_same_bits(
    name: str, backend: str, use_threads: UseThreads
) -> None:
    first = run(name, backend=backend)
    for count, checkpoint in ((1, "sqrt"), (2, lambda n: schedules.Revolve(n, 1)), (3, "all")):
        use_threads(count)
        again = run(name, backend=backend, checkpoint=checkpoint)
        assert_same_named(again.grads, first.grads)
        assert (again.loss, again.penalties) == (first.loss, first.penalties)
    thin = run(name, backend=backend, checkpoint=lambda n: schedules.ThinTapes(n, 2))
    assert thin.penalties == pytest.approx(first.penalties, rel=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_penalty_is_the_mean_over_steps_and_sequences(backend: str) -> None:
    x, target = data("output", 13, 3, 4)
    model = MODELS["output"](4)
    y, _ = rb.predict(rb.Sequential(model.layers[0]), x)
    of_data = MSE(rb.predict(model, x)[0], target)[0]
    found = rb.bptt(model, x, target, MSE, backend=backend, chunk=5)
    expected = (0.2 * np.abs(y) + 0.3 * y**2).sum() / (13 * 3)
    assert found.penalties == {"rates": pytest.approx(expected, rel=1e-12)}
    assert found.loss == pytest.approx(of_data + expected, rel=1e-12)


def test_of_sequences_it_is_the_mean_of_parameters_the_sum() -> None:
    x, s = data("static", 13, 3, 4)[0]
    model, weights = MODELS["static"](4), MODELS["weights"](4)
    embedded = s @ model.params["0.weight"].T + model.params["0.bias"]
    found = rb.bptt(model, (x, s), x, MSE).penalties
    assert found["outside"] == pytest.approx(0.4 * np.abs(embedded).sum() / 3, rel=1e-12)
    of_weights = rb.bptt(weights, x, x, MSE).penalties
    w, b = weights.params["w"], weights.params["b"]
    expected = {
        "sparse": 0.01 * np.abs(w).sum(),
        "penalty": 0.3 * (w**4).sum(),
        "bias": 2 * (b**2).sum(),
    }
    assert of_weights == pytest.approx(expected, rel=1e-12)


def test_penalties_of_one_name_are_added_up() -> None:
    assert list(run("gate").penalties) == ["gate", "penalty"]
    assert list(run("twice").penalties) == ["penalty"]


def test_a_mask_leaves_no_step_out_of_a_penalty() -> None:
    mask = np.zeros((13, 3), bool)
    mask[2:9] = True
    assert run("output", mask=mask).penalties == run("output").penalties


def test_a_horizon_cuts_the_gradients_of_penalties_too() -> None:
    """The gradients of windows that each start from the state before them, and send none back."""
    model, (x, target) = MODELS["head"](4), data("head", 12, 3, 4)
    found = rb.bptt(model, x, target, MSE, chunk=4, horizon=4)
    state, total, penalty = None, dict.fromkeys(found.grads, 0.0), 0.0
    for at in range(0, 12, 4):
        part = rb.bptt(model, x[at : at + 4], target[at : at + 4], MSE, state=state)
        state, penalty = part.state, penalty + part.penalties["y"] / 3
        total = {path: total[path] + grad / 3 for path, grad in part.grads.items()}
    assert found.penalties["y"] == pytest.approx(penalty, rel=1e-12)
    for path, grad in total.items():
        np.testing.assert_allclose(found.grads[path], grad, rtol=0, atol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_streams_of_unknown_length_have_the_same_bits(backend: str) -> None:
    model, (x, target) = MODELS["gate"](4), data("gate", 13, 3, 4)
    whole = rb.bptt(model, x, target, MSE, chunk=5, backend=backend)
    stream = rb.bptt(
        model, iter(np.array_split(x, 4)), target, MSE, chunk=5, backend=backend, checkpoint="all"
    )
    assert (stream.loss, stream.penalties) == (whole.loss, whole.penalties)
    for path, grad in whole.grads.items():
        assert grad.tobytes() == stream.grads[path].tobytes()


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_overflows_in_the_last_step_makes_no_delta_that_is_not_there(backend: str) -> None:
    """The penalty on q does not depend on the last s: 0 times an infinite slope would be NaN."""
    x, s, q = rb.Input(2), rb.State(2, "s"), rb.State(2, "q")
    q_new = rb.Penalty(l2=1.0)(rb.Tanh()(s))
    model = rb.Recurrent(rb.Cell(x, {s: 0.5 * s + rb.Exp()(x), q: q_new}, output=2 * x))
    given, target = data("head", 5, 2, 2)
    given[-1] = 1000.0
    with np.errstate(over="ignore"):
        found = rb.bptt(model, given, target, MSE, backend=backend)
    assert found.dx is not None
    assert np.isfinite(found.dx).all()


def test_without_penalties_none_are_reported() -> None:
    x, target = data("head", 5, 2, 4)
    found = rb.bptt(rb.GRU(4, 4, rng=0, **OPTIONS), x, target, MSE)
    assert found.penalties == {}
    assert "penalties" not in repr(found)
    assert "rates" in repr(run("output"))


def test_a_penalty_hands_its_input_on() -> None:
    x, _ = data("output", 5, 2, 4)
    model = MODELS["output"](4)
    plain = rb.Sequential(model.layers[0], model.layers[2])
    assert rb.predict(model, x)[0].tobytes() == rb.predict(plain, x)[0].tobytes()


def test_features_that_are_not_known_are_an_error() -> None:
    x, target = data("output", 5, 2, 4)
    model = rb.Sequential(rb.Penalty(l2=1.0), rb.RNN(4, 4, rng=0, **OPTIONS))
    with pytest.raises(rb.ShapeError, match=r"Penalty\(l2=1.0\): how many features .* Input\(n\)"):
        rb.bptt(model, x, target, MSE)
    with pytest.raises(ValueError, match="Penalty: l2"):
        rb.Penalty(l2=-1)
