"""Dropout and zoneout of cells in training: what is masked, how often, and in which gates."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import assert_close, assert_same_bits, reals
from tests.programs import half_square

N, T = 64, 6
OPTIONS: dict[str, tuple[Any, dict[str, Any]]] = {
    "lstm": (rb.LSTM, {"dropout": 0.3, "recurrent_dropout": 0.4, "zoneout": (0.2, 0.5)}),
    "lstm of all": (
        rb.LSTM,
        {
            "dropout": 0.3, "recurrent_dropout": 0.4, "zoneout": (0.2, 0.5), "projection": 3,
            "layer_norm": True, "coupled": True,
        },
    ),
    "gru": (rb.GRU, {"dropout": 0.3, "recurrent_dropout": 0.4, "zoneout": 0.2}),
    "gru before": (rb.GRU, {"reset_after": False, "recurrent_dropout": 0.4, "zoneout": 0.2}),
    "rnn": (rb.RNN, {"dropout": 0.3, "recurrent_dropout": 0.4, "zoneout": 0.2, "leak": 0.5}),
}  # fmt: skip


def outputs(model: Any, x: np.ndarray, state: Any = None, seed: int = 0) -> np.ndarray:
    y, _ = rb.predict(model, x, training=True, seed=seed, state=state, chunk=2)
    return y


def linear(**options: Any) -> rb.Recurrent:
    """h′ = relu(W x + U h + b), all of them 0."""
    return rb.RNN(N, N, activation="relu", bias_init="zeros", input_init="zeros",
                  recurrent_init="zeros", dtype="float64", **options)  # fmt: skip


@pytest.mark.quick
@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", OPTIONS)
def test_gradients_under_a_seed(name: str) -> None:
    build, options = OPTIONS[name]
    model, x = build(3, 4, dtype="float64", rng=1, **options), reals(5, 2, 3)
    found = rb.check_grads(model, x, training=True, seed=4, chunk=3)
    assert found.worst <= 1e-12
    assert not np.array_equal(outputs(model, x, seed=4), outputs(model, x, seed=5))


@pytest.mark.one_in(5)
@pytest.mark.parametrize("backend", ["numpy", "llvm"])
@pytest.mark.parametrize("name", OPTIONS)
def test_backends_draw_the_same_masks(name: str, backend: str) -> None:
    build, options = OPTIONS[name]
    model, x = build(3, 4, dtype="float64", rng=1, **options), reals(7, 2, 3)
    given = partial(rb.bptt, model, x, x, half_square, seed=4, chunk=3)
    assert_close(given(backend=backend), given(backend="interpreter"))


@pytest.mark.long
@pytest.mark.parametrize("checkpoint", ["sqrt", partial(rb.schedules.EveryK, k=3)])
@pytest.mark.parametrize("backend", ["interpreter", "numpy", "llvm"])
@pytest.mark.parametrize("name", OPTIONS)
def test_schedules_give_the_same_bits(name: str, backend: str, checkpoint: Any) -> None:
    build, options = OPTIONS[name]
    model, x = build(3, 19, rng=1, **options), reals(11, 3, 3, dtype="float32")
    given = partial(rb.bptt, model, x, x, half_square, seed=4, chunk=2, backend=backend)
    assert_same_bits(given(checkpoint=checkpoint), given())


def test_dropout_has_one_mask_of_x_for_a_sequence() -> None:
    model = linear(dropout=0.25)
    model.params["weight_ih"][...] = np.eye(N)
    y = outputs(model, np.ones((T, 3, N)))
    assert set(y.ravel()) == {0.0, 1 / 0.75}
    np.testing.assert_array_equal(y, np.broadcast_to(y[0], y.shape))
    assert not np.array_equal(y[0, 0], y[0, 1])


def test_recurrent_dropout_has_one_mask_of_h_for_a_sequence() -> None:
    model = linear(recurrent_dropout=0.5)
    model.params["weight_hh"][...] = np.eye(N)
    y = outputs(model, np.ones((T, 3, N)), state=(np.ones((3, N)),))
    for t, y_t in enumerate(y, start=1):
        np.testing.assert_array_equal(y_t, np.where(y[0] > 0, 2.0**t, 0))
    assert 0.3 < np.mean(y[0] > 0) < 0.7


@pytest.mark.parametrize("gates", [(1, 3), (0, 1), (0, 3)])
def test_recurrent_dropout_has_one_mask_for_all_gates(gates: tuple[int, int]) -> None:
    """Of an LSTM that reads feature k of h into gates k alone: both move by the same mask."""
    model = rb.LSTM(1, N, dtype="float64", recurrent_dropout=0.5, recurrent_init="zeros", rng=3)
    start = (np.ones((1, N)), np.ones((1, N)))
    plain = outputs(model, np.zeros((1, 1, 1)), start)
    moved = []
    for gate in gates:
        weight = model.params["weight_hh"]
        weight[...] = 0
        weight[gate * N : (gate + 1) * N] = np.eye(N)
        moved.append(outputs(model, np.zeros((1, 1, 1)), start) != plain)
    np.testing.assert_array_equal(*moved)
    assert 0.3 < np.mean(moved[0]) < 0.7


def test_the_old_h_of_a_gru_is_carried_whole() -> None:
    """Masked is what meets weights, not what z keeps: with z = 1 nothing changes."""
    model = rb.GRU(1, N, dtype="float64", recurrent_dropout=0.5, bias_init="zeros")
    model.params["bias_ih"][N : 2 * N] = 1000.0
    h = reals(2, N)
    np.testing.assert_array_equal(outputs(model, np.zeros((3, 2, 1)), (h,))[-1], h)


def test_the_candidate_of_a_gru_reads_masked_h_in_both_forms() -> None:
    """With r = 1, z = 0 and U = 1 it is tanh(2 h), or 0."""
    model = rb.GRU(1, N, dtype="float64", recurrent_dropout=0.5, bias_init="zeros",
                   recurrent_init="zeros", reset_after=False)  # fmt: skip
    model.params["bias_ih"][: 2 * N] = [1000.0] * N + [-1000.0] * N
    model.params["weight_hm"][...] = np.eye(N)
    y = outputs(model, np.zeros((1, 1, 1)), (np.ones((1, N)),))
    np.testing.assert_allclose(np.unique(y), [0, np.tanh(2)], rtol=1e-12)


def test_zoneout_draws_anew_at_each_step() -> None:
    """h is 1 once its element was not kept at 0, which is half of those that remain, each step."""
    model = linear(zoneout=0.5)
    model.params["bias_ih"][...] = 1
    y = outputs(model, np.zeros((T, 50, N)))
    assert set(y.ravel()) == {0.0, 1.0}
    assert (np.diff(y, axis=0) >= 0).all()
    np.testing.assert_allclose(1 - y.mean(axis=(1, 2)), 0.5 ** np.arange(1, T + 1), atol=0.04)


def test_h_of_an_lstm_reads_the_memory_before_its_zoneout() -> None:
    plain, zoned = (rb.LSTM(3, N, dtype="float64", rng=0, **o) for o in ({}, {"zoneout": (0, 0.9)}))
    x = reals(2, 2, 3)
    y, expected = outputs(zoned, x), outputs(plain, x)
    np.testing.assert_allclose(y[0], expected[0], rtol=1e-12)
    assert np.mean(abs(y[1] - expected[1]) > 1e-9) > 0.5


def test_rates_are_seen_and_set() -> None:
    model = rb.LSTM(3, 4, zoneout=0.1, dropout=0.2)
    assert repr(model) == "LSTM(3, 4, zoneout=0.1, dropout=0.2)"
    _, of_c = (layer for layer in model.cell.layers if isinstance(layer, rb.Zoneout))
    of_c.set(rate=0.5)
    assert repr(model) == "LSTM(3, 4, zoneout=(0.1, 0.5), dropout=0.2)"


@pytest.mark.parametrize("option", ["dropout", "recurrent_dropout", "zoneout"])
@pytest.mark.parametrize("build", [rb.LSTM, rb.GRU, rb.RNN])
def test_a_rate_of_0_is_the_plain_cell_and_one_of_1_is_refused(build: Any, option: str) -> None:
    plain = str(rb.explain(build(3, 4)))
    assert str(rb.explain(build(3, 4, **{option: 0}))) == plain
    with pytest.raises(ValueError, match=rf"{build.__name__}: {option} must lie in \[0, 1\)"):
        build(3, 4, **{option: 1})


def test_an_lstm_has_two_rates_of_zoneout_at_most() -> None:
    with pytest.raises(ValueError, match=r"zoneout is a number, or two, of h and of c"):
        rb.LSTM(3, 4, zoneout=(0.1, 0.2, 0.3))
