"""States that move towards a value: right whatever the gate is, and little of them on a tape."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.graph.cells.moving import Toward
from tests.helpers import assert_close, reals
from tests.programs import half_square

N = 4


def dense(seed: int) -> rb.Dense:
    return rb.Dense((3, N), N, rng=seed, dtype="float64")


def gated_by_x() -> rb.Recurrent:
    x, h = rb.Input(3), rb.State(N, "h")
    z, m = rb.Split(N, N)(rb.Dense(3, 2 * N, rng=0, dtype="float64")(x))
    h_new = Toward()(h, m, rb.Sigmoid()(z))
    return rb.Recurrent(rb.Cell(x, {h: h_new}, h_new))


def gate_used_twice() -> rb.Recurrent:
    """By two states, and in the output: its deltas are summed."""
    x, h, k = rb.Input(3), rb.State(N, "h"), rb.State(N, "k")
    s = rb.Sigmoid()(dense(0)(x, h))
    h_new, k_new = Toward()(h, dense(1)(x, k), s), Toward()(k, rb.Tanh()(h), s)
    return rb.Recurrent(rb.Cell(x, {h: h_new, k: k_new}, s * k_new + h_new))


def gate_that_is_no_sigmoid() -> rb.Recurrent:
    x, h = rb.Input(3), rb.State(N, "h")
    h_new = Toward()(h, dense(1)(x, h), 1 - rb.Sigmoid()(dense(0)(x, h)))
    return rb.Recurrent(rb.Cell(x, {h: Toward()(h, h_new, rb.Tanh()(h))}, h_new))


def no_state() -> rb.Recurrent:
    """What moves is computed within the step, and is not handed on."""
    x, h = rb.Input(3), rb.State(N, "h")
    a, b, z = dense(0)(x, h), rb.Tanh()(dense(1)(x, h)), dense(2)(x, h)
    return rb.Recurrent(rb.Cell(x, {h: b}, Toward()(a, b, rb.Sigmoid()(z)) + z))


def one_value_thrice() -> rb.Recurrent:
    x, h = rb.Input(3), rb.State(N, "h")
    s = rb.Sigmoid()(dense(0)(x, h))
    return rb.Recurrent(rb.Cell(x, {h: Toward()(s, h, s)}, Toward()(h, s, s)))


CELLS: list[Callable[[], rb.Recurrent]] = [
    gated_by_x,
    gate_used_twice,
    gate_that_is_no_sigmoid,
    no_state,
    one_value_thrice,
]


@pytest.mark.long
@pytest.mark.quick
@pytest.mark.parametrize("build", CELLS)
def test_gradients_by_complex_steps(build: Callable[[], rb.Recurrent]) -> None:
    assert rb.check_grads(build(), reals(5, 2, 3), chunk=3).worst <= 1e-12


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
@pytest.mark.parametrize("build", CELLS)
def test_backends_agree(build: Callable[[], rb.Recurrent], backend: str) -> None:
    x = reals(7, 3, 3)
    given = partial(rb.bptt, build(), x, x, half_square, chunk=3)
    assert_close(given(backend=backend), given(backend="interpreter"))


def test_a_tape_of_mingru_is_a_third_of_an_lstm_s() -> None:
    """The states and one gate; no row of memory is kept because it lies next to these."""
    own, lstm = (rb.explain(cell(256, 256)) for cell in (rb.MinGRU, rb.LSTM))
    assert (own.bytes_per_step, lstm.bytes_per_step) == (2 * 256 * 4, 6 * 256 * 4)
    assert [kept.name for kept in own.kept if "rows next" in kept.name] == []


@pytest.mark.parametrize("backend", ["interpreter", "numpy", "llvm"])
def test_a_peak_of_mingru_is_less_than_half_of_an_lstm_s(backend: str) -> None:
    x = reals(400, 2, 8, dtype="float32")
    lstm, own = (
        rb.bptt(cell(8, 64, rng=0), x, x, half_square, backend=backend).stats.peak_bytes_by_kind
        for cell in (rb.LSTM, rb.MinGRU)
    )
    assert own["tape"] < {"interpreter": 0.6, "numpy": 0.4, "llvm": 0.4}[backend] * lstm["tape"]


def test_a_slow_gate_has_a_gradient_to_the_rounding_of_its_state() -> None:
    """Of gates of 1e-3 in float32 the difference of two states is exact to 1e-7 / 1e-3."""
    model = rb.MinGRU(3, N, rng=0, dtype="float64")
    model.params["bias_ih"][:N] = -7
    x = reals(200, 4, 3)
    exact = rb.bptt(model, x, x, half_square).grads
    single = x.astype("float32")
    found = rb.bptt(model.astype("float32"), single, single, half_square).grads
    for name, grad in exact.items():
        np.testing.assert_allclose(found[name], grad, rtol=0, atol=1e-4 * abs(grad).max())
