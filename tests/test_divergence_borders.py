"""States that overflow and reach nothing.

Their infinities come into no gradient, under any backend.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

BACKENDS = ["interpreter", "numpy", *(["llvm"] if find_spec("llvmlite") else [])]


def dense(n_in: Any, rng: int) -> rb.Dense:
    return rb.Dense(n_in, 3, rng=rng)


def cell_of(
    grow: Callable[[Any, Any, Any], Any], *, late: bool = False, initial: str = "zeros"
) -> rb.Recurrent:
    """A cell whose output is its state h.

    Its state c grows beyond all bounds, and feeds itself alone.
    """
    x, h, c = rb.Input(2), rb.State(3, "h"), rb.State(3, "c")
    new = rb.Tanh()(dense((2, 3), 0)(x, h))
    after = {h: new, c: grow(x, h, c)}
    return rb.Recurrent(rb.Cell(x, after, h if late else new), initial=initial)


def two_states() -> rb.Recurrent:
    """Two states that feed each other, and nothing else, next to one that is the output."""
    x, h, c, d = rb.Input(2), rb.State(3, "h"), rb.State(3, "c"), rb.State(3, "d")
    new = rb.Tanh()(dense((2, 3), 0)(x, h))
    after = {h: new, c: d * d * 50 + dense((2, 3), 1)(x, h), d: c * d + rb.LayerNorm(3)(c) + 2}
    return rb.Recurrent(rb.Cell(x, after, new))


CELLS: dict[str, Callable[[], Any]] = {
    "product": lambda: cell_of(lambda x, h, c: c * c * 50 + dense((2, 3), 1)(x, h)),
    "weights": lambda: cell_of(lambda x, h, c: dense((2, 3), 1)(x, c * c * 50)),
    "gelu": lambda: cell_of(lambda x, h, c: rb.GELU()(c * c * 9 + dense((2, 3), 1)(x, h)) + 3),
    "sum": lambda: cell_of(lambda x, h, c: c * h * 1e9 + c * 1e9 + dense(2, 1)(x)),
    "late output": lambda: cell_of(lambda x, h, c: c * c * 50 + dense((2, 3), 1)(x, h), late=True),
    "learned": lambda: cell_of(
        lambda x, h, c: c * c * 50 + dense((2, 3), 1)(x, h), initial="learned"
    ),
    "dropout": lambda: cell_of(
        lambda x, h, c: rb.Dropout(0.3)(c * c * 50 + dense((2, 3), 1)(x, h))
    ),
    "two": two_states,
}


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_state_that_overflows_and_reaches_nothing(backend: str, name: str) -> None:
    model, loss = CELLS[name](), rb.losses.MeanSquaredError()
    x = np.random.default_rng(0).normal(size=(60, 2, 2)).astype("float32")
    target = np.zeros((60, 2, 3), "float32")
    found = rb.bptt(model, x, target, loss, chunk=16, checkpoint="sqrt", backend=backend)
    assert not all(np.isfinite(array).all() for array in found.state[0])
    still = rb.bptt(CELLS[name](), x, target, loss, chunk=7, backend="interpreter")
    assert all(np.isfinite(grad).all() for grad in found.grads.values())
    assert found.dx is not None
    assert np.isfinite(found.dx).all()
    reaching = {key for key in found.grads if np.abs(still.grads[key]).max() > 0}
    assert "0.weight_0" in reaching
    for key, grad in found.grads.items():
        np.testing.assert_allclose(grad, still.grads[key], rtol=0, atol=1e-6, err_msg=key)
        assert (np.abs(grad).max() > 0) == (key in reaching)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_state_that_comes_late_has_its_delta(backend: str) -> None:
    """x reaches the output by three states, one step after the other."""
    x, states = rb.Input(1), [rb.State(1) for _ in range(3)]
    after = dict(zip(states, [x * 2, states[0] * 3, states[1] * 5], strict=True))
    model = rb.Recurrent(rb.Cell(x, after, states[2]))
    given = np.arange(1.0, 6.0).reshape(5, 1, 1)
    found = rb.bptt(
        model, given, None, lambda y, _: (float(y.sum()), np.ones_like(y)), chunk=2, backend=backend
    )
    assert found.loss == 30 * (1 + 2)
    np.testing.assert_array_equal(found.dx[:, 0, 0], [30, 30, 0, 0, 0])
