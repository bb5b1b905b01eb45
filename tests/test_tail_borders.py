"""The tails of sigmoids have relative accuracy in float32, under every backend."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.compiler.passes import RULES
from rnnbp.numerics import Array, sigmoid

BACKENDS = ["interpreter", "numpy", *["llvm"] * bool(find_spec("llvmlite"))]
Z = np.concatenate([np.linspace(-86, 40, 1003), [-17.5, -20, -30, -60, 0, 1e-20, -1e-20]])
"""Where neither σ nor its products with a few units are subnormal."""


def exact(z: Array) -> Array:
    wide = z.astype(np.float32).astype(np.float64)
    return np.asarray(
        np.where(wide > 0, 1 / (1 + np.exp(-wide)), np.exp(wide) / (1 + np.exp(wide)))
    )


def gate(z: Any) -> Any:
    return rb.Sigmoid()(z)


def silu(z: Any) -> Any:
    return z * rb.Sigmoid()(z)


def with_its_tanh(z: Any) -> Any:
    """tanh(z/2), which the sigmoid could share, is wanted too."""
    return rb.Sigmoid()(z) + 0 * rb.Tanh()(0.5 * z)


def squared(z: Any) -> Any:
    return rb.Sigmoid()(z) * (rb.Sigmoid()(z) + 1)


def through(of: Callable[[Any], Any], z: Array, backend: Any) -> tuple[Array, Array]:
    """(f(z), f′(z)), by a cell that adds its state to x."""
    x, h = rb.Input(1), rb.State(1, "h")
    new = of(rb.Dense(1, 1, weight_init=1.0, bias_init=0.0)(x) + h)
    model, shape = rb.Recurrent(rb.Cell(x, {h: new}, output=new)), (1, len(z), 1)
    found = rb.bptt(
        model,
        z.astype(np.float32).reshape(shape),
        None,
        lambda y, _: (0.0, np.ones_like(y)),
        backend=backend,
        state=[(np.zeros((len(z), 1), np.float32),)],
    )
    return found.state[0][0][:, 0], found.dstate[0][0][:, 0]


S = exact(Z)
FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Array, Array]] = {
    "sigmoid": (gate, S, S * exact(-Z)),
    "silu": (silu, Z * S, S + Z * S * exact(-Z)),
    "with its tanh": (with_its_tanh, S, S * exact(-Z)),
    "squared": (squared, S * (S + 1), S * exact(-Z) * (2 * S + 1)),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_derivatives(name: str, backend: str) -> None:
    of, value, slope = FUNCTIONS[name]
    y, dy = through(of, Z, backend)
    low = Z < 0
    np.testing.assert_allclose(y, value, rtol=5e-6, atol=1e-37)
    np.testing.assert_allclose(
        dy[low], slope[low], rtol=5e-6, atol=2e-7 * np.abs(slope).max() * (name == "silu")
    )
    np.testing.assert_allclose(dy, slope, rtol=1e-6, atol=2e-6)


@pytest.mark.parametrize("rule", [*RULES, RULES], ids=str)
def test_without_rules(rule: str | tuple[str, ...]) -> None:
    backend = rb.Backend("numpy", without=(rule,) if isinstance(rule, str) else rule)
    for name in ("sigmoid", "squared"):
        of, value, slope = FUNCTIONS[name]
        y, dy = through(of, Z[Z < 0], backend)
        np.testing.assert_allclose(y, value[Z < 0], rtol=5e-6)
        np.testing.assert_allclose(dy, slope[Z < 0], rtol=5e-6)


CELLS: dict[str, Callable[..., rb.Recurrent]] = {"LSTM": rb.LSTM, "GRU": rb.GRU}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("checkpoint", ["all", "sqrt", rb.schedules.ThinTapes(5, 2)], ids=str)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("cell", CELLS)
def test_gates_that_are_nearly_closed(cell: str, backend: str, checkpoint: Any) -> None:
    """The first gate at −8 to −70: each element of its bias's gradient, against float64."""
    steps, n = 5, 8
    models = [CELLS[cell](3, n, rng=0, dtype=dtype) for dtype in ("float32", "float64")]
    x = np.random.default_rng(0).normal(size=(steps, 2, 3)).astype(np.float32)
    found = []
    for model in models:
        model.params["bias_ih"][:n] = np.linspace(-8, -70, n)
        how: Any = {"backend": backend, "chunk": 1, "checkpoint": checkpoint}
        given = x.astype(model.params["bias_ih"].dtype)
        found.append(
            rb.bptt(model, given, None, lambda y, _: (0.0, np.ones_like(y)), **how).grads[
                "bias_ih"
            ][:n]
        )
    assert (found[1] != 0).all()
    np.testing.assert_allclose(found[0], found[1], rtol=5e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_function_itself(dtype: str) -> None:
    ends = {"float32": [-87, -18, 0, 40], "float64": [-700, -40, 0, 800]}[dtype]
    with np.errstate(all="raise"):
        found = sigmoid(np.array(ends, dtype))
        far = sigmoid(np.array([-1e30, 1e30, -np.inf, np.inf], dtype))
    expected = [np.exp(ends[0]), 1 / (1 + np.exp(-ends[1])), 0.5, 1]
    np.testing.assert_allclose(found, expected, rtol=4 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(far, [0, 1, 0, 1])
    assert sigmoid(np.array(0.0, dtype)).dtype == dtype


@pytest.mark.parametrize("z", [-900.0, -40.0, -1.0, 40.0, 900.0])
def test_the_complex_step_through_the_ends(z: float) -> None:
    """e⁹⁰⁰ is no double."""
    x, h = rb.Input(2), rb.State(2, "h")
    dense = rb.Dense((2, 2), 2, dtype="float64", rng=0)
    dense.params["bias"][:] = [z, 0.3]
    new = rb.Sigmoid()(dense(x, h)) * rb.Tanh()(dense(x, h))
    model = rb.Recurrent(rb.Cell(x, {h: new}, output=new))
    given = np.random.default_rng(0).normal(size=(3, 2, 2))
    loss = rb.losses.MeanSquaredError()
    assert rb.check_grads(model, given, given, loss, tolerance=1e-12).worst < 1e-12


def test_losses() -> None:
    """log(1 + eᶻ) and σ, of BinaryCrossEntropy; its derivative: σ(z) for target 0, −σ(−z) for 1."""
    z = Z.astype(np.float32)[:, None]
    loss = rb.losses.BinaryCrossEntropy()
    for target, sign in ((0.0, 1), (1.0, -1)):
        value, dy = loss.summed(sign * z, np.full_like(z, target))
        np.testing.assert_allclose(sign * dy[:, 0], S, rtol=1e-6)
        assert value == pytest.approx(np.logaddexp(0, z.astype(np.float64)).sum(), rel=1e-6)
    np.testing.assert_allclose(
        rb.Softplus()(z)[:, 0], np.logaddexp(0, z[:, 0].astype(np.float64)), rtol=1e-6
    )
