"""Infinite derivatives in the last steps of a sequence or horizon, of states that no later step
takes: they have no delta, which is not a delta of zero."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.bptt.last_steps import late_steps

COMPILED = ["numpy", *["llvm"] * bool(find_spec("llvmlite"))]
LOSS = rb.losses.MeanSquaredError()
HOW = [(32, "all"), (2, "sqrt"), (1, "all"), (1, lambda chunks: rb.schedules.ThinTapes(chunks, 1))]


def dense(n_in: Any, rng: int) -> rb.Dense:
    return rb.Dense(n_in, 3, rng=rng)


def feeding(of: Callable[[Any], Any] = lambda v: v) -> rb.Recurrent:
    """c is taken by the next step alone; it is squared, and at last its derivative is infinite."""
    x, h, c = rb.Input(2), rb.State(3, "h"), rb.State(3, "c")
    new = rb.Tanh()(of(dense((2, 3), 0)(x, h)) + rb.Tanh()(c))
    return rb.Recurrent(rb.Cell(x, {h: new, c: c * c * 10 + dense(2, 1)(x)}, new))


def late_output() -> rb.Recurrent:
    """The output is the state before the step."""
    x, h = rb.Input(2), rb.State(3, "c")
    return rb.Recurrent(rb.Cell(x, {h: h * h * 10 + dense(2, 1)(x)}, rb.Tanh()(h)))


def chain() -> rb.Recurrent:
    """It takes three steps from c to the output."""
    x, c, d, h = rb.Input(2), rb.State(3, "c"), rb.State(3, "d"), rb.State(3, "h")
    after = {
        c: c * c * 10 + dense(2, 1)(x),
        d: rb.Tanh()(dense(3, 4)(c)),
        h: rb.Tanh()(dense((3, 2), 3)(d, x)),
    }
    return rb.Recurrent(rb.Cell(x, after, h))


CELLS: dict[str, Callable[[], Any]] = {
    "feeding": feeding,
    "late output": late_output,
    "chain": chain,
    "learned": lambda: _learned(),
    "dropout": lambda: feeding(rb.Dropout(0.3)),
    "in a model": lambda: rb.Sequential(
        rb.Dense(2, 2, rng=7), feeding(), rb.RNN(3, 3, rng=8), rb.Dense(3, 3, rng=9)
    ),
}


def _learned() -> rb.Recurrent:
    cell = feeding().cell
    return rb.Recurrent(cell, initial="learned")


X = np.random.default_rng(1).uniform(0.5, 1, size=(40, 2, 2)).astype(np.float32)
TARGET = np.random.default_rng(0).normal(size=(40, 2, 3)).astype(np.float32)


@cache
def model_of(name: str) -> tuple[Any, int]:
    """A model, and the number of steps after which a state c is infinite."""
    model = CELLS[name]()
    for steps in range(1, len(X)):
        found = rb.bptt(model, X[:steps], TARGET[:steps], LOSS, backend="interpreter")
        if any(np.isinf(s).any() for states in found.state for s in states):
            return model, steps
    raise AssertionError("no state overflows")


def run(name: str, more: int, backend: str, **options: Any) -> Any:
    model, steps = model_of(name)
    return rb.bptt(
        model, X[: steps + more], TARGET[: steps + more], LOSS, backend=backend, **options
    )


def arrays(found: Any) -> list[Any]:
    return [
        *(found.grads[path] for path in sorted(found.grads)),
        found.dx,
        *(a for one in found.dstate for a in one),
    ]


def is_finite(found: Any) -> bool:
    return all(np.isfinite(array).all() for array in arrays(found))


def assert_agree(name: str, backend: str, checkpoint: Any = "all", **options: Any) -> None:
    """Finite gradients for as many steps after the overflow as have no delta, equal to rounding.

    Then there is NaN.
    """
    expected = [run(name, more, "interpreter", **options) for more in range(5)]
    found = [run(name, more, backend, checkpoint=checkpoint, **options) for more in range(5)]
    finite = [is_finite(one) for one in expected]
    assert set(finite) == {True, False}
    assert [is_finite(one) for one in found] == finite
    for one, other in zip(found[: finite.index(False)], expected, strict=False):
        for a, b in zip(arrays(one), arrays(other), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


@pytest.mark.long
@pytest.mark.parametrize(("chunk", "checkpoint"), HOW, ids=["all", "sqrt", "one by one", "thin"])
@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("backend", COMPILED)
@pytest.mark.one_in(3)
def test_the_last_steps(backend: str, name: str, chunk: int, checkpoint: Any) -> None:
    assert_agree(name, backend, checkpoint, chunk=chunk)


def test_chunks_of_a_step_where_deltas_come_after_three() -> None:
    assert_agree("chain", COMPILED[-1], chunk=1)


@pytest.mark.parametrize("backend", COMPILED)
def test_the_end_of_a_horizon(backend: str) -> None:
    assert_agree("feeding", backend, horizon=4, chunk=2)


@pytest.mark.parametrize("backend", ["interpreter", *COMPILED])
def test_values(backend: str) -> None:
    """y = s before each step, s → 3e30 s x: the last of three steps makes an infinite state."""
    x, s = rb.Input(1), rb.State(1)
    model = rb.Recurrent(rb.Cell(x, {s: s * x * 3e30}, s))
    given = np.array([1e-25, 1e-25, 1e9], np.float32).reshape(3, 1, 1)
    start = [(np.full((1, 1), 1e-5, np.float32),)]
    found = rb.bptt(
        model,
        given,
        None,
        lambda y, _: (float(y.sum()), np.ones_like(y)),
        backend=backend,
        state=start,
        chunk=2,
    )
    a = b = 3e5
    assert np.isinf(found.state[0][0]).all()
    np.testing.assert_allclose(
        found.dx[:, 0, 0], [1e-5 * 3e30 * (1 + b), 1e-5 * a * 3e30, 0], rtol=1e-5
    )
    np.testing.assert_allclose(found.dstate[0][0], [[1 + a * (1 + b)]], rtol=1e-5)


@pytest.mark.parametrize(
    ("build", "steps"),
    [
        (lambda: rb.LSTM(2, 3), 0),
        (lambda: rb.GRU(2, 3), 0),
        (lambda: rb.RNN(2, 3), 0),
        (feeding, 1),
        (late_output, 1),
        (chain, 3),
    ],
)
def test_how_many_steps_there_are(build: Any, steps: int) -> None:
    cell = build().cell
    assert late_steps(cell, (False,) * len(cell.state_shapes)) == steps
    assert late_steps(cell, (True,) * len(cell.state_shapes)) == 0
