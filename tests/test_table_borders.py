"""Lookups of which some reach no output: these rows have no deltas, others lie elsewhere."""

from __future__ import annotations

import gc
import itertools
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.bptt.chunk import Chunks
from rnnbp.compiler.passes import RULES
from rnnbp.inputs.pose import pose
from tests.programs import half_square

pytest.importorskip("llvmlite")

N_IN, UNITS, SYMBOLS = 3, 4, 4
BACKENDS = [rb.Backend("llvm", without=off) for off in ((), ("ordered",), ("hoisted",), RULES)]


def dense(x: Any, rng: int, *, bias: bool = True) -> Any:
    return rb.Dense(x.shape[0], UNITS, bias=bias, rng=rng, dtype="float64")(x)


def dead_state(x: Any, h: Any) -> tuple[Any, Any]:
    """The state depends on x, the output on another product of it."""
    return dense(x, 1), rb.Tanh()(dense(x, 2))


def dead_sum(x: Any, h: Any) -> tuple[Any, Any]:
    return dense(x, 1, bias=False) + dense(x, 3, bias=False), dense(x, 2, bias=False)


def dead_after(x: Any, h: Any) -> tuple[Any, Any]:
    """As before, the output first."""
    y = dense(x, 1)
    return dense(x, 2), y


def dead_between(x: Any, h: Any) -> tuple[Any, Any]:
    """The rows without deltas lie between others."""
    first, dead, last = (dense(x, k) for k in (1, 2, 3))
    return rb.Tanh()(dead), first * rb.Sigmoid()(last)


def dead_recurrent(x: Any, h: Any) -> tuple[Any, Any]:
    """A state that depends on itself alone."""
    return rb.Tanh()(dense(x, 1) + dense(h, 2)), rb.Tanh()(dense(x, 3))


def dead_part(x: Any, h: Any) -> tuple[Any, Any]:
    """Some rows of one product."""
    one, other = rb.Split(2, UNITS - 2)(dense(x, 1))
    return rb.Concat(2, UNITS - 2)(other, one), rb.Tanh()(other)


def live_state(x: Any, h: Any) -> tuple[Any, Any]:
    """Deltas everywhere, gates in an order of their own."""
    a, b = rb.Tanh()(dense(x, 1) + dense(h, 3)), rb.Sigmoid()(dense(x, 2))
    return a * b, h


WIRINGS: list[Callable[[Any, Any], tuple[Any, Any]]] = [
    dead_state,
    dead_sum,
    dead_after,
    dead_between,
    dead_recurrent,
    dead_part,
    live_state,
]


def model_of(wiring: Callable[[Any, Any], tuple[Any, Any]], layer: str) -> Any:
    x, h = rb.Input(SYMBOLS if layer == "onehot" else N_IN), rb.State(UNITS, "h")
    after, y = wiring(x, h)
    front = (
        rb.OneHot(SYMBOLS)
        if layer == "onehot"
        else rb.Embedding(SYMBOLS, N_IN, rng=0, dtype="float64")
    )
    return rb.Sequential(front, rb.Recurrent(rb.Cell(x, {h: after}, y)))


def symbols(steps: int = 7, batch: int = 2) -> np.ndarray:
    return np.random.default_rng(4).integers(0, SYMBOLS, (steps, batch))


@pytest.mark.long
@pytest.mark.one_in(2, "layer")
@pytest.mark.parametrize(
    ("wiring", "layer"), [(dead_sum, "onehot"), *((w, "embedding") for w in WIRINGS)]
)
def test_gradients_are_those_of_the_interpreter(wiring: Any, layer: str) -> None:
    model, x = model_of(wiring, layer), symbols()
    assert (
        len(
            Chunks(
                pose(model, x, chunk=3, state=None, backend="llvm"), seed=0, training=True
            ).tables
        )
        == 1
    )
    wanted = rb.bptt(model, x, None, half_square, chunk=3, backend="interpreter")
    thin: Any = lambda n: rb.schedules.ThinTapes(n, 2)  # noqa: E731
    for backend, checkpoint in itertools.product(BACKENDS, ("all", thin)):
        found = rb.bptt(
            model, x, None, half_square, chunk=3, checkpoint=checkpoint, backend=backend
        )
        assert found.loss == pytest.approx(wanted.loss, rel=1e-12)
        np.testing.assert_allclose(found.state[0][0], wanted.state[0][0], rtol=0, atol=1e-12)
        for name, grad in wanted.grads.items():
            np.testing.assert_allclose(
                found.grads[name], grad, rtol=0, atol=1e-11, err_msg=f"{backend} {name}"
            )


@pytest.mark.parametrize("wiring", [dead_state, dead_between])
def test_bytes(wiring: Any) -> None:
    model, x = model_of(wiring, "embedding"), symbols(40, 300)
    target, loss = np.zeros((40, 300, UNITS)), rb.losses.MeanSquaredError()
    given: Any = {"chunk": 8, "backend": "llvm"}
    rb.bptt(model, x, target, loss, **given)
    rb.release_memory()
    gc.collect()
    tracemalloc.start()
    try:
        stats = rb.bptt(model, x, target, loss, **given).stats
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert rb.forecast(model, loss, steps=40, batch=300, **given).peak_bytes == stats.peak_bytes
    assert abs(peak - stats.peak_bytes) < max(0.01 * peak, 2**16)
