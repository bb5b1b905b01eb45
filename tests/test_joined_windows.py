"""Windows of recordings that follow one another in lanes: each begins anew, by a reset."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import assert_same_arrays, assert_same_named

SIZES = (7, 2, 1, 5, 4, 3)
RNG = np.random.default_rng(0)
X = [RNG.normal(size=(n, 2)) for n in SIZES]
T = [RNG.normal(size=(n, 1)) for n in SIZES]
MSE = rb.losses.MeanSquaredError()


def windows(**options: Any) -> rb.Windows:
    given = {"x": X, "target": T, "horizon": 4, "batch_size": 2, "join": True} | options
    return rb.Windows(**given)


def model() -> rb.Sequential:
    return rb.Sequential(
        rb.LSTM(2, 3, dtype="float64", rng=0), rb.Dense(3, 1, dtype="float64", rng=1)
    )


@pytest.mark.quick
def test_lanes_are_cut_from_all_recordings_in_a_row() -> None:
    batches = list(windows())
    x, target = (np.concatenate([getattr(b, name) for b in batches]) for name in ("x", "target"))
    lanes = np.concatenate(X).reshape(2, 11, 2), np.concatenate(T).reshape(2, 11, 1)
    assert_same_arrays([x, target], [lane.swapaxes(0, 1) for lane in lanes])
    assert [b.fresh for b in batches] == [True, False, False]
    flags = np.concatenate([np.zeros((len(b.x), 2), bool) if b.reset is None else b.reset for b in batches])  # fmt: skip
    begins = np.cumsum([0, *SIZES])[:-1]
    expected = np.isin(np.arange(22), begins).reshape(2, 11)
    expected[:, 0] = False
    np.testing.assert_array_equal(flags, expected.T)


def test_a_window_without_a_beginning_has_no_reset() -> None:
    data = windows(x=[X[0], X[0]], target=[T[0], T[0]], horizon=3, batch_size=1)
    assert [b.reset is None for b in data] == [True, True, False, True, True]
    assert data.batch(0, 2).reset.tolist() == [[False], [True], [False]]


def test_warm_up_is_that_of_each_recording() -> None:
    weights = np.concatenate([b.mask for b in windows(warm_up=2)])
    since = [k for n in SIZES for k in range(n)]
    known = (np.array(since) >= 2).reshape(2, 11)
    known[:, :2] = False
    np.testing.assert_array_equal(weights, known.T)
    with pytest.raises(ValueError, match="warm_up of 7 steps leaves nothing of lanes of 7"):
        windows(warm_up=7)


def test_masks_follow_their_recordings() -> None:
    masks = [RNG.random(n) for n in SIZES]
    found = np.concatenate([b.mask for b in windows(mask=masks)])
    np.testing.assert_array_equal(found, np.concatenate(masks).reshape(2, 11).T)


def test_other_joins_are_other_data() -> None:
    prints = {windows().fingerprint, windows(x=[*X[:-2], np.concatenate(X[-2:])], target=[*T[:-2], np.concatenate(T[-2:])]).fingerprint, windows(x=X[1:], target=T[1:]).fingerprint, rb.Windows(X[:1], T[:1], horizon=4, batch_size=2).fingerprint}  # fmt: skip
    assert len(prints) == 4


def test_predict_returns_the_recordings_alone() -> None:
    net = model()
    found = rb.predict(net, windows(target=None, batch_size=1))
    alone = [rb.predict(net, x[:, None])[0][:, 0] for x in X]
    for y, expected in zip(found, alone, strict=True):
        np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.quick
def test_training_on_a_lane_is_that_of_its_recordings() -> None:
    """One window over all of one lane: the loss and gradients of the recordings alone."""
    net = model()
    alone = [rb.bptt(net, x[:, None], t[:, None], MSE) for x, t in zip(X, T, strict=True)]
    expected = np.average([one.loss for one in alone], weights=SIZES)
    whole = windows(batch_size=1, horizon=22)
    np.testing.assert_allclose(rb.evaluate(net, whole, MSE)["loss"], expected, rtol=1e-12)
    rate, before = 0.1, {name: p.copy() for name, p in net.params.items()}
    history = rb.fit(net, whole, MSE, rb.optim.SGD(net, rate), epochs=1)
    np.testing.assert_allclose(history.losses, [expected], rtol=1e-12)
    for name, p in net.params.items():
        grad = sum(n * one.grads[name] for n, one in zip(SIZES, alone, strict=True)) / sum(SIZES)
        np.testing.assert_allclose(p, before[name] - rate * grad, rtol=1e-11, atol=1e-13)


@pytest.mark.long
def test_a_stopped_run_goes_on_with_the_same_bits(tmp_path: Any) -> None:
    def trainer(folder: Any = None) -> rb.Trainer:
        net = model()
        return rb.Trainer(net, rb.optim.Adam(net, 0.01), MSE, folder=folder)

    whole = trainer()
    expected = whole.fit(windows(), epochs=2).losses
    trainer(tmp_path).fit(windows(), steps=2)
    again = trainer(tmp_path).resume()
    assert again.fit(windows(), until_epochs=2).losses == expected
    assert_same_named(dict(again.model.params), dict(whole.model.params))


def test_what_does_not_fit() -> None:
    with pytest.raises(
        ValueError, match=r"recording 1 has 2 steps, too short for 3 lanes; .*join=True"
    ):
        windows(join=False, batch_size=3)
    with pytest.raises(
        ValueError, match="recordings of 22 steps in all are too short for 40 lanes"
    ):
        windows(batch_size=40)
    with pytest.raises(TypeError, match=r"x\[1\] is static, and join=True puts several recordings"):
        windows(x=(X, np.ones((6, 1))), static=(1,))


def test_a_value_is_traced_to_its_recording() -> None:
    wrong = [*X[:3], np.where(np.arange(5)[:, None] == 2, np.nan, X[3]), *X[4:]]
    with pytest.raises(ValueError, match="x is nan") as caught:
        rb.evaluate(model(), windows(x=wrong), MSE)
    assert any(note.endswith("is step 2 of recording 3") for note in caught.value.__notes__)
