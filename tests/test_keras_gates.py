"""The order of gates and biases of Keras, against its equations written out in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.interchange.keras_models.gates import to_ours, to_theirs
from tests.cell_equations import sigmoid

T, B, N_IN, N = 6, 3, 2, 4


def rnn(kernel, recurrent, bias, x, h):
    h = np.tanh(x @ kernel + bias + h @ recurrent)
    return h, (h,)


def lstm(kernel, recurrent, bias, x, h, c):
    """i, f, c, o."""
    i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    return h, (h, c)


def gru_after(kernel, recurrent, bias, x, h):
    """z, r, h; the first bias is of x, the second of h."""
    xz, xr, xh = np.split(x @ kernel + bias[0], 3, axis=-1)
    hz, hr, hh = np.split(h @ recurrent + bias[1], 3, axis=-1)
    z, r = sigmoid(xz + hz), sigmoid(xr + hr)
    h = z * h + (1 - z) * np.tanh(xh + r * hh)
    return h, (h,)


def gru_before(kernel, recurrent, bias, x, h):
    """z, r, h, and one bias."""
    xz, xr, xh = np.split(x @ kernel + bias, 3, axis=-1)
    of_z, of_r, of_h = np.split(recurrent, 3, axis=-1)
    z, r = sigmoid(xz + h @ of_z), sigmoid(xr + h @ of_r)
    h = z * h + (1 - z) * np.tanh(xh + (r * h) @ of_h)
    return h, (h,)


CELLS = {
    "RNN": (rb.RNN, {}, rnn, 1),
    "LSTM": (rb.LSTM, {}, lstm, 4),
    "GRU": (rb.GRU, {}, gru_after, 3),
    "GRU before": (rb.GRU, {"reset_after": False}, gru_before, 3),
}
TWO = {"GRU": (2, 3 * N)}
"""Shapes of biases other than (gates · n,)."""


def arrays_of(kind: str) -> list[np.ndarray]:
    """Random kernel, recurrent kernel and bias of Keras."""
    rng, gates = np.random.default_rng(5), CELLS[kind][3]
    shapes = (N_IN, gates * N), (N, gates * N), TWO.get(kind, (gates * N,))
    return [rng.normal(size=shape) for shape in shapes]


@pytest.mark.parametrize("kind", CELLS)
def test_outputs_are_those_of_keras_equations(kind):
    build, options, step, _ = CELLS[kind]
    arrays = arrays_of(kind)
    model = build(N_IN, N, dtype="float64", **options)
    new = to_ours(kind.split()[0], arrays, **options)
    assert {k: a.shape for k, a in new.items()} == {k: a.shape for k, a in model.params.items()}
    model.params.update(new)
    x = np.random.default_rng(6).normal(size=(T, B, N_IN))
    state = tuple(np.zeros((B, N)) for _ in model.cell.state_names)
    expected = []
    for each in x:
        y, state = step(*arrays, each, *state)
        expected.append(y)
    np.testing.assert_allclose(rb.predict(model, x)[0], expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("kind", CELLS)
def test_the_way_back_keeps_all_bits(kind):
    options = CELLS[kind][1]
    arrays = arrays_of(kind)
    arrays[2].reshape(-1)[::3] = -0.0  # whose sign a sum with 0 would lose
    back = to_theirs(kind.split()[0], to_ours(kind.split()[0], arrays, **options), **options)
    for found, expected in zip(back, arrays, strict=True):
        assert np.ascontiguousarray(found).tobytes() == expected.tobytes()


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU before"])
def test_two_biases_become_their_sum(kind):
    build, options, step, _ = CELLS[kind]
    model = build(N_IN, N, dtype="float64", rng=3, **options)
    arrays = to_theirs(kind.split()[0], model.params, **options)
    x = np.random.default_rng(6).normal(size=(B, N_IN))
    y, _ = step(*arrays, x, *[np.zeros((B, N)) for _ in model.cell.state_names])
    np.testing.assert_allclose(rb.predict(model, x[None])[0][0], y, rtol=0, atol=1e-14)


@pytest.mark.parametrize("kind", CELLS)
def test_layers_without_biases_have_none(kind):
    _, options, _, _ = CELLS[kind]
    new = to_ours(kind.split()[0], arrays_of(kind)[:2], **options)
    assert [name for name in new if "bias" in name] == []
    assert len(to_theirs(kind.split()[0], new, **options)) == 2
