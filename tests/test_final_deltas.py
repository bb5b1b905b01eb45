"""Deltas of the final state that a run begins its way back from: ``bptt(..., dstate=...)``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import assert_close, assert_same_bits, reals
from tests.traced_runs import BACKENDS, SCHEDULES, off

T, B, N = 12, 3, 4
TRIED = [
    "sqrt",
    *(pytest.param(name, marks=pytest.mark.long) for name in SCHEDULES if name != "sqrt"),
]


def summed(y: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    """A sum of squares, which adds up over the parts of a sequence."""
    return float(np.vdot(y - target, y - target)), 2 * (y - target)


def model() -> rb.Sequential:
    own = {"dtype": "float64"}
    lower, upper = rb.LSTM(N, N, rng=0, **own), rb.GRU(N, 5, rng=1, initial="learned", **own)
    return rb.Sequential(lower, upper, rb.Dense(5, 2, rng=2, **own))


def data() -> tuple[np.ndarray, np.ndarray]:
    return reals(T, B, N), reals(T, B, 2, seed=1)


def halves(net: Any, at: int, **how: Any) -> rb.Gradients:
    """Two runs, of the steps before and after one, composed by hand."""
    x, target = data()
    first = rb.predict(net, x[:at], chunk=how["chunk"], training=True)[1]
    late = rb.bptt(net, x[at:], target[at:], summed, state=first, **how)
    early = rb.bptt(net, x[:at], target[:at], summed, dstate=late.dstate, **how)
    grads = {name: grad + late.grads[name] for name, grad in early.grads.items()}
    dx = np.concatenate([early.dx, late.dx])
    return rb.Gradients(early.loss + late.loss, grads, dx, early.dstate, late.state, early.stats)


@pytest.mark.quick
@pytest.mark.one_in(9, "backend")
@pytest.mark.parametrize("backend", [*BACKENDS, "interpreter"])
@pytest.mark.parametrize("at", [4, 5, 11])
def test_two_halves_are_one(at: int, backend: str) -> None:
    net = model()
    expected = rb.bptt(net, *data(), summed, chunk=4, backend=backend)
    found = halves(net, at, chunk=4, backend=backend)
    assert_close(found, expected)
    np.testing.assert_allclose(found.dx, expected.dx, rtol=0, atol=1e-12)
    for one, other in zip(found.dstate, expected.dstate, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize("checkpoint", TRIED)
def test_every_schedule_begins_from_them(checkpoint: str) -> None:
    net, given = model(), ((reals(B, N), reals(B, N, seed=3)), (reals(B, 5, seed=4),))
    how = {"dstate": given, "chunk": 2}
    expected = rb.bptt(net, *data(), summed, **how)
    found = rb.bptt(net, *data(), summed, checkpoint=SCHEDULES[checkpoint], **how)
    assert_close(found, expected)


def test_none_is_zero() -> None:
    net, some = model(), (reals(B, 5),)
    zeros = (np.zeros((B, N)), np.zeros((B, N)))
    found = rb.bptt(net, *data(), summed, dstate=(None, some))
    assert_close(found, rb.bptt(net, *data(), summed, dstate=(zeros, some)))
    plain = rb.bptt(net, *data(), summed)
    assert_same_bits(rb.bptt(net, *data(), summed, dstate=(None, None)), plain)


def test_a_lone_state_is_an_array() -> None:
    x, target, given = reals(T, B, N), reals(T, B, N, seed=1), reals(B, N, seed=2)
    net = rb.GRU(N, N, rng=0, dtype="float64")
    found = rb.bptt(net, x, target, summed, dstate=given)
    assert_same_bits(found, rb.bptt(net, x, target, summed, dstate=((given,),)))
    zero = rb.bptt(net, x, target, summed)
    assert not np.allclose(found.dx, zero.dx)


def test_a_horizon_cuts_them_off_from_the_steps_before() -> None:
    net, given = rb.GRU(N, N, rng=0, dtype="float64"), reals(B, N, seed=2)
    x, target = reals(T, B, N), reals(T, B, N, seed=1)
    plain = rb.bptt(net, x, target, summed, horizon=4)
    found = rb.bptt(net, x, target, summed, horizon=4, dstate=given)
    differs = (found.dx != plain.dx).any(axis=(1, 2))
    assert differs.tolist() == [False] * 8 + [True] * 4


def test_they_are_not_written_to() -> None:
    net, given = rb.LSTM(N, N, rng=0, dtype="float64"), (reals(B, N), reals(B, N, seed=1))
    for array in given:
        array.setflags(write=False)
    rb.bptt(net, reals(T, B, N), reals(T, B, N), summed, dstate=given, chunk=1)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((), "dstate has 0 entries for 1 Recurrents"),
        (1.0, "dstate is a tuple with one entry per Recurrent"),
        ((np.zeros((2, N)),), r"dstate 0 has 1 arrays; its cell has 2 states"),
        ((np.zeros((2, N)), np.zeros((2, N))), "give a dstate of 3, leave dstate out for zeros"),
        ((np.full((B, N), np.inf), np.zeros((B, N))), "dstate 0, h: .* dstates must be finite"),
    ],
)
def test_what_does_not_fit_is_refused(given: Any, expected: str) -> None:
    net = rb.LSTM(N, N, rng=0, dtype="float64")
    with pytest.raises((ValueError, TypeError), match=expected):
        rb.bptt(net, reals(T, B, N), reals(T, B, N), summed, dstate=given)


@pytest.mark.long
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("checkpoint", SCHEDULES)
@pytest.mark.parametrize("steps", [20, pytest.param(70, marks=pytest.mark.grid)])
def test_their_bytes_count(steps: int, checkpoint: str, backend: str) -> None:
    rows, n = 300, 64
    net = rb.Sequential(rb.LSTM(n, n, rng=0), rb.GRU(n, n, rng=1))
    x, target = (reals(steps, rows, n, dtype=np.float32, seed=k) for k in (0, 1))
    state = reals(rows, n, dtype=np.float32)
    given = (state, state), (state,)
    how = {"checkpoint": SCHEDULES[checkpoint], "backend": backend, "chunk": 20}
    loss = rb.losses.MeanSquaredError()
    assert not off(lambda: rb.bptt(net, x, target, loss, dstate=given, **how))
