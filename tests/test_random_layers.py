"""Layers that draw: what they draw, how often, and their gradients inside a cell."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.numerics import Array, ShapeError
from rnnbp.rng import Context
from tests.plain_layers import MSE, rand

PERS: tuple[Any, ...] = ("step", "sequence")
FIRST = 1 << 20
"""The place of the first node of a cell that is a model's first node."""
CONTEXT = Context(seed=3, step=4, length=6, place=2)
X = np.random.default_rng(0).normal(size=(6, 50, 40))
BUILD: dict[str, Callable[..., Any]] = {
    "Dropout": lambda **o: rb.Dropout(0.3, **o),
    "GaussianNoise": lambda **o: rb.GaussianNoise(0.3, **o),
    "Zoneout": lambda **o: rb.Zoneout(0.3, **o),
}


def ran(layer: Any, *xs: Array, context: Context = CONTEXT) -> Array:
    y: Array = layer.forward(*xs, context=context)[0]
    return y


@pytest.mark.parametrize("name", BUILD)
def test_numbers_are_new_every_step_or_the_same_in_a_sequence(name: str) -> None:
    xs = (np.ones((6, 4, 50)), np.zeros((6, 4, 50)))[: 2 if name == "Zoneout" else 1]
    steps = {per: {a.tobytes() for a in ran(BUILD[name](per=per), *xs)} for per in PERS}
    assert {per: len(found) for per, found in steps.items()} == {"step": 6, "sequence": 1}
    layer = BUILD[name]()
    layer.set(per="sequence")
    assert {a.tobytes() for a in ran(layer, *xs)} == steps["sequence"]
    assert layer.per == "sequence"
    assert "per" not in vars(layer)


@pytest.mark.parametrize("every_step", [True, False])
def test_the_earlier_spelling_of_per(every_step: bool) -> None:
    layer = rb.Dropout(0.3, every_step=every_step)
    assert layer.per == ("step" if every_step else "sequence")
    assert np.array_equal(ran(layer, X), ran(rb.Dropout(0.3, per=layer.per), X))
    assert np.array_equal(
        CONTEXT.normal((6, 2), every_step=every_step), CONTEXT.normal((6, 2), per=layer.per)
    )
    layer.set(every_step=not every_step)
    assert layer.per == ("sequence" if every_step else "step")


def test_a_dropout_pickled_by_an_earlier_version_loads() -> None:
    layer = rb.Dropout(0.3, per="sequence")
    assert set(vars(layer)) == {"_params", "every_step", "p", "view"}
    assert pickle.loads(pickle.dumps(layer)).per == "sequence"


@pytest.mark.parametrize("name", BUILD)
@pytest.mark.parametrize(
    ("per", "error", "says"),
    [("Step", ValueError, "did you mean 'step'?"), (True, TypeError, "found True")],
)
def test_a_wrong_per(name: str, per: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=f"{name}: per must be 'step' or 'sequence'.*{says[:12]}"):
        BUILD[name](per=per)


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: rb.GaussianNoise(-1), r"sigma must lie in \[0, inf\), found -1"),
        (lambda: rb.Zoneout(1.0), r"rate must lie in \[0, 1\), found 1.0; rate is the share"),
        (lambda: rb.Zoneout(0.1).set(rate=2), "found 2"),
        (lambda: rb.GaussianNoise(0.1).set(sigma=-2), "found -2"),
        (lambda: rb.Zoneout(0.1)(rb.Input(3)), "takes the old state and the new one, found 1"),
        (lambda: ran(rb.GaussianNoise(1), X[:2]), "input axis 0 must be the 6 steps"),
        (lambda: ran(rb.Zoneout(0.5), X[:2], X[:2]), "input axis 0 must be the 6 steps"),
        (lambda: rb.Zoneout(0.5)(X, X[..., 1:]), r"one shape, found .*40\) and .*39\)"),
    ],
)
def test_wrong_arguments(build: Callable[[], Any], says: str) -> None:
    with pytest.raises((ValueError, ShapeError), match=says):
        build()


def test_noise_has_its_deviation_and_no_mean() -> None:
    noise = ran(rb.GaussianNoise(0.3), X) - X
    assert abs(noise.mean()) < 0.01
    assert abs(noise.std() - 0.3) < 0.01
    numbers = CONTEXT.normal(X.shape).astype("float64")
    np.testing.assert_allclose(noise, 0.3 * numbers, rtol=1e-12, atol=1e-14)


def test_zoneout_keeps_its_share_and_outside_training_is_the_mean() -> None:
    layer, new = rb.Zoneout(0.3), X + 100
    y = ran(layer, X, new)
    assert ((y == X) | (y == new)).all()
    assert abs((y == X).mean() - 0.3) < 0.02
    assert np.array_equal(y == X, CONTEXT.uniform(X.shape) < 0.3)
    np.testing.assert_allclose(layer(X, new), 0.3 * X + 0.7 * new, rtol=1e-13)


def test_a_masked_element_takes_no_infinity_from_the_other_state() -> None:
    old, new = np.full((6, 4), np.inf), np.zeros((6, 4))
    y, (mask,) = rb.Zoneout(0.5).forward(old, new, context=CONTEXT)
    assert np.array_equal(y == 0, mask)
    d_old, d_new = rb.Zoneout(0.5).backward_inputs((mask,), np.full((6, 4), np.nan))
    assert np.array_equal(np.isnan(d_old), ~mask)
    assert np.array_equal(np.isnan(d_new), mask)


def zoned(n: int = 4) -> rb.Recurrent:
    """Noise, dropout of x and of h, and a zoned-out state."""
    x, h, numbers = rb.Input(3), rb.State(n, "h"), np.random.default_rng(1)
    dropped = rb.Dropout(0.4, per="sequence")(h)
    inner = rb.Dense((3, n), n, dtype="float64", rng=numbers)(rb.Dropout(0.3)(x), dropped)
    h_new = rb.Zoneout(0.3)(h, rb.Tanh()(rb.GaussianNoise(0.5)(inner)))
    return rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new))


@pytest.mark.parametrize("training", [True, False])
def test_gradients_under_a_fixed_seed(training: bool) -> None:
    x, target = rand(5, 2, 3), rand(5, 2, 4)
    found = rb.check_grads(zoned(), x, target, MSE, seed=4, training=training, chunk=2)
    assert found.worst < 1e-12


def test_a_cell_computes_the_equations_with_the_numbers_of_the_context() -> None:
    model, x = zoned(), rand(5, 2, 3)
    y, _ = rb.predict(model, x, training=True, seed=4, chunk=2)
    w_x, w_h, b = (p for p in model.params.values())
    places = {kind(node.block): FIRST + node.number for node in model.cell.nodes}
    h, drawn = np.zeros((2, 4)), [Context(seed=4, step=t) for t in range(5)]
    for t, context in enumerate(drawn):
        m_x = context.at(places["Dropoutstep"]).uniform((2, 3)) >= 0.3
        m_h = drawn[0].at(places["Dropoutsequence"]).uniform((2, 4)) >= 0.4
        noise = context.at(places["GaussianNoisestep"]).normal((2, 4)).astype("float64")
        stays = context.at(places["Zoneoutstep"]).uniform((2, 4)) < 0.3
        z = (x[t] * m_x / 0.7) @ w_x.T + (h * m_h / 0.6) @ w_h.T + b
        h = np.where(stays, h, np.tanh(z + 0.5 * noise))
        np.testing.assert_allclose(y[t], h, rtol=1e-12, atol=1e-12)


def kind(layer: Any) -> str:
    return type(layer).__name__ + getattr(layer, "per", "")
