"""L-BFGS: it reaches the minimum, and keeps the best parameters when it is stopped."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rnnbp import optim
from tests.optimizers import Model, freeze


def rosenbrock(params):
    def closure():
        x, y = float(params["x"][0]), float(params["y"])
        grads = {
            "x": np.array([-400 * x * (y - x * x) - 2 * (1 - x)]),
            "y": np.array(200 * (y - x * x)),
        }
        return 100 * (y - x * x) ** 2 + (1 - x) ** 2, grads

    return closure


@pytest.mark.quick
def test_lbfgs_reaches_the_minimum_of_rosenbrock():
    params = {"x": np.array([-1.2]), "y": np.array(1.0)}
    x = params["x"]
    result = optim.lbfgs(rosenbrock(params), params, 200, gradient_tolerance=1e-9, loss_tolerance=0)
    assert result.converged
    assert params["x"] is x
    assert abs(x[0] - 1) < 1e-8
    assert abs(params["y"] - 1) < 1e-8
    assert result.loss == rosenbrock(params)()[0] < 1e-16
    assert 20 < result.iterations <= result.evaluations < 100


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-8), (np.float32, 1e-5)])
def test_lbfgs_solves_a_quadratic(dtype, tolerance):
    rng = np.random.default_rng(0)
    root = rng.normal(size=(8, 8))
    matrix, solution = root @ root.T + np.eye(8), rng.normal(size=8)
    params = {"a": np.zeros((2, 3), dtype), "b": np.zeros(2, dtype)}

    def closure():
        d = np.concatenate([params["a"].reshape(-1), params["b"]]) - solution
        g = (matrix @ d).astype(dtype)
        return 0.5 * float(d @ matrix @ d), {"a": g[:6].reshape(2, 3), "b": g[6:]}

    result = optim.lbfgs(closure, Model(params), gradient_tolerance=1e-10, loss_tolerance=0)
    found = np.concatenate([params["a"].reshape(-1), params["b"]])
    assert found.dtype == dtype
    np.testing.assert_allclose(found, solution, atol=tolerance)
    assert result.loss == closure()[0]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_lbfgs_keeps_the_best_where_the_loss_breaks(bad):
    params, losses = {"x": np.array([-1.2]), "y": np.array(1.0)}, []
    inner = rosenbrock(params)

    def closure():
        loss, grads = inner()
        losses.append(loss if len(losses) < 12 else bad)
        return losses[-1], grads

    result = optim.lbfgs(closure, params)
    assert not result.converged
    assert result.message == f"the loss is {bad} at evaluation 13"
    assert result.evaluations == 13
    assert result.loss == min(losses[:12]) == inner()[0] < 24


def interrupted(inner, losses, k, error):
    """A closure that notes its losses, and raises when there are k of them."""

    def closure():
        loss, grads = inner()
        if len(losses) == k:
            raise error
        losses.append(loss)
        return loss, grads

    return closure


@pytest.mark.parametrize("k", range(2, 14))
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_lbfgs_interrupted_keeps_the_best_and_raises(error, k):
    params, losses = {"x": np.array([-1.2]), "y": np.array(1.0)}, []
    inner = rosenbrock(params)
    with pytest.raises(error):
        optim.lbfgs(interrupted(inner, losses, k, error), params)
    assert inner()[0] == min(losses)


def test_lbfgs_interrupted_at_the_start_changes_nothing():
    params = {"x": np.array([0.1], np.float32)}

    def closure():
        params["x"] += 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        optim.lbfgs(closure, params)
    assert params["x"][0] == np.float32(0.1)


def test_lbfgs_stops_at_max_iter_with_the_best():
    params = {"x": np.array([-1.2]), "y": np.array(1.0)}
    result = optim.lbfgs(rosenbrock(params), params, 3)
    assert not result.converged
    assert result.iterations == 3
    assert result.loss == rosenbrock(params)()[0] < 24.2


def test_lbfgs_names_a_read_only_parameter():
    params = freeze({"x": np.array([-1.2]), "y": np.array(1.0)})
    with pytest.raises(ValueError, match="lbfgs: parameter 'x' is read-only"):
        optim.lbfgs(rosenbrock(params), params)
