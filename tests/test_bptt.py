"""The engine: sums over chunks, states, horizons, arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests import models
from tests.bptt_runs import CE, MSE, reals, symbols
from tests.helpers import assert_close, assert_same_bits


def test_steps_of_the_square_root_schedule_by_hand() -> None:
    """16 chunks of 2 steps in 4 segments: the first three run twice."""
    stats = rb.bptt(
        models.stack(), symbols(32, 1), symbols(32, 1), CE, chunk=2, checkpoint="sqrt"
    ).stats
    assert (stats.steps_run, stats.steps_rerun, stats.peak_slots, stats.peak_tapes) == (
        32 + 24,
        24,
        3,
        4,
    )


def test_chunks_do_not_change_the_result() -> None:
    """Dropout masks, means and gradients belong to the sequence, not to its chunks."""
    model, x, target = models.stack("float64"), symbols(23, 4), symbols(23, 4)[::-1]
    mask = reals(23, 4) > 0
    whole = rb.bptt(model, x, target, CE, chunk=23, mask=mask)
    for chunk in (1, 2, 7, 22, 1000):
        assert_close(rb.bptt(model, x, target, CE, chunk=chunk, mask=mask), whole)


def test_fewer_bytes_are_held_under_sqrt() -> None:
    model, x = models.CELLS["lstm"](16, 32, "float32"), reals(256, 4, 16)
    peaks = [
        rb.bptt(model, x, reals(256, 4, 32), MSE, chunk=4, checkpoint=c).stats.peak_bytes_by_kind[
            "tape"
        ]
        for c in ("all", "sqrt")
    ]
    assert peaks[1] < peaks[0] / 6  # 8 chunks of 64


@pytest.mark.quick
def test_bytes_of_the_whole_sequence_by_hand() -> None:
    """A tanh RNN keeps h before and after each step, n floats for each of B, and nothing else.

    Its output y is h.
    """
    model, x = rb.RNN(3, 5, rng=0), reals(4, 2, 3).astype(np.float32)
    stats = rb.bptt(model, x, reals(4, 2, 5), MSE, chunk=4).stats
    assert stats.peak_bytes_by_kind["tape"] == 4 * (4 + 1) * 2 * 5
    assert stats.peak_bytes_by_kind["gradients"] == 4 * (5 * 3 + 5 * 5 + 5 + 5 + 4 * 2 * 3)


def test_state_carries_from_one_call_to_the_next() -> None:
    model, x = models.stack("float64"), symbols(20, 3)
    y, final = rb.predict(model, x)
    first, middle = rb.predict(model, x[:8])
    second, last = rb.predict(model, x[8:], state=middle)
    np.testing.assert_allclose(np.concatenate([first, second]), y, rtol=1e-13)
    for arrays, others in zip(final, last, strict=True):
        for a, b in zip(arrays, others, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-13)


@pytest.mark.quick
def test_horizon_cuts_gradients_as_separate_windows_do() -> None:
    model, x, dy = models.CELLS["lstm"](3, 4, "float64"), reals(22, 2, 3), reals(22, 2, 4)
    loss = lambda y, dy: (float((y * dy).sum()), dy)  # noqa: E731
    found = rb.bptt(model, x, dy, loss, horizon=6, chunk=3, checkpoint="sqrt")
    windows, state = [], None
    for start in range(0, 22, 6):
        windows.append(
            rb.bptt(model, x[start : start + 6], dy[start : start + 6], loss, chunk=3, state=state)
        )
        state = windows[-1].state
    assert found.loss == pytest.approx(sum(w.loss for w in windows), rel=1e-13)
    for path in found.grads:
        np.testing.assert_allclose(
            found.grads[path], sum(w.grads[path] for w in windows), rtol=1e-12, atol=1e-14
        )
    np.testing.assert_allclose(
        found.dx, np.concatenate([w.dx for w in windows]), rtol=1e-12, atol=1e-14
    )
    np.testing.assert_allclose(found.dstate[0][0], windows[0].dstate[0][0], rtol=1e-12)
    full = rb.bptt(model, x, dy, loss)
    assert np.abs(full.grads["weight_hh"] - found.grads["weight_hh"]).max() > 1e-3


def test_horizon_without_chunk_is_one_chunk_a_window() -> None:
    stats = rb.bptt(
        models.CELLS["lstm"](3, 4, "float64"), reals(22, 2, 3), reals(22, 2, 4), MSE, horizon=6
    ).stats
    assert stats.chunks == 4


def test_mean_is_over_unmasked_elements() -> None:
    model, x, target = (
        models.CELLS["gru reset after"](3, 2, "float64"),
        reals(7, 3, 3),
        reals(7, 3, 2),
    )
    mask = np.zeros((7, 3), bool)
    mask[[0, 4, 6], [1, 2, 2]] = True
    y, _ = rb.predict(model, x)
    expected = ((y - target) ** 2)[mask].mean()
    assert rb.bptt(model, x, target, MSE, mask=mask, chunk=2).loss == pytest.approx(
        expected, rel=1e-14
    )
    assert rb.evaluate(model, x, target, MSE, mask=mask, chunk=2)[0] == pytest.approx(
        expected, rel=1e-14
    )


def test_own_loss_is_called_once_per_chunk_and_summed() -> None:
    seen = []

    def loss(y: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
        seen.append((y.shape, target.copy()))
        return float(len(seen)), np.zeros_like(y)

    found = rb.bptt(
        models.CELLS["lstm"](3, 2, "float32"), reals(5, 1, 3), np.arange(5), loss, chunk=2
    )
    assert found.loss == 1 + 2 + 3
    assert [shape for shape, _ in seen] == [(1, 1, 2), (2, 1, 2), (2, 1, 2)]
    assert np.concatenate([t for _, t in reversed(seen)]).tolist() == [0, 1, 2, 3, 4]
    assert not any(g.any() for g in found.grads.values())


def test_target_may_be_none_for_an_own_loss() -> None:
    model = models.CELLS["rnn tanh"](3, 2, "float64")
    found = rb.bptt(model, reals(5, 1, 3), None, lambda y, _: (float((y**2).sum()), 2 * y))
    assert found.loss == pytest.approx((rb.predict(model, reals(5, 1, 3))[0] ** 2).sum(), rel=1e-14)


def test_given_state_replaces_a_learned_one() -> None:
    model = models.CELLS["lstm learned state"](3, 2, "float64")
    given = rb.bptt(model, reals(5, 2, 3), reals(5, 2, 2), MSE, state=[(reals(2, 2), reals(2, 2))])
    assert not given.grads["initial_h"].any()
    own = rb.bptt(model, reals(5, 2, 3), reals(5, 2, 2), MSE)
    np.testing.assert_array_equal(own.grads["initial_c"], own.dstate[0][1].sum(axis=0))
    assert own.grads["initial_c"].any()


@pytest.mark.parametrize("form", ["bare array", "arrays", "nested", "list"])
def test_forms_of_state(form: str) -> None:
    model, h = models.CELLS["gru reset after"](3, 2, "float64"), reals(2, 2)
    state = {"bare array": h, "arrays": (h,), "nested": ((h,),), "list": [[h]]}[form]
    expected = rb.bptt(model, reals(5, 2, 3), reals(5, 2, 2), MSE, state=((h,),))
    assert_same_bits(rb.bptt(model, reals(5, 2, 3), reals(5, 2, 2), MSE, state=state), expected)


def read_only(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "kind", ["read-only", "strided", "Fortran", "reversed", "other float", "list", "mapped"]
)
def test_kinds_of_input_arrays(kind: str, tmp_path: Path) -> None:
    """Each gives the bits of a plain array, and none is written to."""
    model, x, target = (
        models.CELLS["lstm"](3, 2, "float32"),
        reals(7, 2, 3).astype(np.float32),
        reals(7, 2, 2),
    )
    plain = rb.bptt(model, x, target, MSE, chunk=3)
    wide = np.repeat(x, 2, axis=2)
    np.save(tmp_path / "x.npy", x)
    given: Any = {
        "read-only": read_only(x.copy()),
        "strided": wide[..., ::2],
        "Fortran": np.asfortranarray(x),
        "reversed": x[::-1].copy()[::-1],
        "other float": x.astype(np.float64),
        "list": x.tolist(),
        "mapped": np.load(tmp_path / "x.npy", mmap_mode="r"),
    }[kind]
    found = rb.bptt(
        model, given, read_only(target), MSE, chunk=3, dx=True
    )  # a mapped x has none by default
    assert found.dx.dtype == np.float32
    assert_same_bits(found, plain)
    assert np.array_equal(np.asarray(given, np.float32), x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_results_have_the_parameters_dtype(dtype: str) -> None:
    found = rb.bptt(
        models.conv_stack(dtype),
        reals(5, 2, 1, 12),
        reals(5, 2, 3),
        MSE,
        chunk=2,
        checkpoint="sqrt",
    )
    arrays = [
        *found.grads.values(),
        found.dx,
        *found.state[0],
        *found.state[1],
        *found.dstate[0],
        *found.dstate[1],
    ]
    assert {a.dtype for a in arrays} == {np.dtype(dtype)}
    assert type(found.loss) is float


def test_parameters_and_arguments_are_not_written_to() -> None:
    model = models.stack()
    for array in model.params.values():
        array.flags.writeable = False
    x, target, state = symbols(9, 2), symbols(9, 2), [None, (reals(2, 3),)]
    for array in (x, target, state[1][0]):
        array.flags.writeable = False
    rb.bptt(model, x, target, CE, chunk=2, checkpoint="sqrt", state=state)


def test_a_model_without_recurrents_runs_over_time_too() -> None:
    model = rb.Sequential(
        rb.Dense(3, 4, rng=0, dtype="float64"), rb.Tanh(), rb.Dense(4, 2, rng=1, dtype="float64")
    )
    x, target = reals(9, 5, 3), reals(9, 5, 2)
    over_time = rb.bptt(model, x, target, MSE, chunk=2, checkpoint="sqrt")
    at_once = rb.backprop(model, x.reshape(45, 3), target.reshape(45, 2), MSE)
    assert_close(over_time, at_once)
    np.testing.assert_allclose(over_time.dx.reshape(45, 3), at_once.dx, rtol=1e-12)


def test_two_threads_share_a_model() -> None:
    from concurrent.futures import ThreadPoolExecutor

    model, x, target = models.stack(), symbols(40, 4), symbols(40, 4)
    alone = [rb.bptt(model, x, target, CE, seed=k, checkpoint="sqrt", chunk=3) for k in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(
            pool.map(
                lambda k: rb.bptt(model, x, target, CE, seed=k, checkpoint="sqrt", chunk=3),
                range(4),
            )
        )
    for a, b in zip(alone, together, strict=True):
        assert_same_bits(a, b)


def test_astype_copies_and_keeps_sharing() -> None:
    model = models.residual("float32")
    double = model.astype("float64")
    assert {a.dtype for a in double.params.values()} == {np.dtype("float64")}
    assert {a.dtype for a in model.params.values()} == {np.dtype("float32")}
    assert double.params.keys() == model.params.keys()
    for path, array in model.params.items():
        np.testing.assert_array_equal(double.params[path], array)
    x, target = reals(5, 2, 3), reals(5, 2, 2)
    a, b = rb.bptt(model, x, target, MSE), rb.bptt(double, x, target, MSE)
    assert_close(a, b, rtol=1e-4)
    assert a.grads.keys() == b.grads.keys()
