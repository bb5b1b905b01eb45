"""Windows with a warm-up outside the loss, and over several recordings, against loops by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.train import Batch
from rnnbp.train.digests import digest
from rnnbp.train.source import fingerprint
from rnnbp.train.validation import validation_loss

MSE = rb.losses.MeanSquaredError()
RNG = np.random.default_rng(0)


def amp(seed: int = 0) -> rb.Sequential:
    return rb.Sequential(
        rb.LSTM(1, 4, dtype="float64", rng=seed), rb.Dense(4, 1, dtype="float64", rng=seed + 1)
    )


def takes(*lengths: int) -> list[np.ndarray]:
    return [RNG.normal(size=(n, 1)) for n in lengths]


@pytest.mark.quick
def test_a_warm_up_outside_the_loss() -> None:
    x, y = takes(60)[0], takes(60)[0]
    warm = np.arange(60) % 30 >= 12  # the first 12 steps of each of the two lanes
    data = rb.Windows(x, y, horizon=10, batch_size=2, mask=warm)
    model = amp()
    whole, _ = rb.predict(model, x.reshape(2, 30, 1).swapaxes(0, 1))
    expected = ((whole - y.reshape(2, 30, 1).swapaxes(0, 1))[12:] ** 2).mean()
    assert validation_loss(model, data, MSE) == pytest.approx(expected, rel=1e-12)
    history = rb.fit(model, data, MSE, epochs=1)
    assert np.isnan(history.losses[0])  # all of window 0 is warm-up
    assert history.losses[1] > 0


def test_a_window_of_warm_up_alone_changes_no_parameter_and_carries_the_state() -> None:
    x, y = takes(20)[0], takes(20)[0]
    data = rb.Windows(x, y, horizon=5, batch_size=1, mask=np.arange(20) >= 5)
    model, started = amp(), amp()
    rb.fit(model, data, MSE, steps=1)
    for name, p in started.params.items():
        np.testing.assert_array_equal(model.params[name], p)
    state = rb.predict(started, x[:5, None])[1]
    optimizer = rb.optim.Adam(started)
    optimizer.step(rb.bptt(started, x[5:10, None], y[5:10, None], MSE, state=state).grads)
    again = amp()
    rb.fit(again, data, MSE, rb.optim.Adam(again), steps=2)
    for name, p in started.params.items():
        np.testing.assert_allclose(again.params[name], p, rtol=1e-12)


def test_recordings_begin_fresh_and_have_lanes_of_their_own() -> None:
    x, y = takes(50, 23), takes(50, 23)
    data = rb.Windows(x, y, horizon=10, batch_size=2)
    assert [b.fresh for b in data] == [True, False, False, True, False]
    assert data.batches_per_epoch == 5
    alone = [rb.Windows(a, b, horizon=10, batch_size=2) for a, b in zip(x, y, strict=True)]
    expected = [batch for one in alone for batch in one]
    for found, other in zip(data, expected, strict=True):
        np.testing.assert_array_equal(found.x, other.x)
        np.testing.assert_array_equal(found.target, other.target)
        assert found.fresh == other.fresh


def test_the_loss_of_recordings_is_that_of_each_alone() -> None:
    x, y = takes(40, 24), takes(40, 24)
    masks = [np.arange(40) % 20 >= 3, np.arange(24) % 12 >= 3]
    model, total, count = amp(), 0.0, 0
    for a, b, m in zip(x, y, masks, strict=True):
        lanes = [v.reshape(2, -1, *v.shape[1:]).swapaxes(0, 1) for v in (a, b, m)]
        out, _ = rb.predict(model, lanes[0])
        total += ((out - lanes[1])[lanes[2]] ** 2).sum()
        count += lanes[2].sum()
    data = rb.Windows(x, y, horizon=7, batch_size=2, mask=masks)
    assert validation_loss(model, data, MSE) == pytest.approx(total / count, rel=1e-12)


def test_texts_as_recordings() -> None:
    texts = [np.arange(12, dtype=np.uint8), np.arange(7, dtype=np.uint8)]
    data = rb.Windows.next_symbol(texts, horizon=20, batch_size=1)
    assert [b.x[:, 0].tolist() for b in data] == [list(range(11)), list(range(6))]
    assert [b.target[:, 0].tolist() for b in data] == [list(range(1, 12)), list(range(1, 7))]
    equal = rb.Windows(texts[:1] * 2, texts[:1] * 2, horizon=20, batch_size=1, recordings=True)
    assert [b.x.shape for b in equal] == [(12, 1)] * 2


def test_what_was_one_stream_stays_one() -> None:
    x = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    for given in (x, np.array(x), [np.array(step) for step in x]):
        batch = rb.Windows(given, None, horizon=5, batch_size=1).batch(0, 0)
        np.testing.assert_array_equal(batch.x[:, 0], x)
    one = takes(30)[0]
    known = digest((4, 3), one, one)  # of snapshots that are there already
    assert rb.Windows(one, one, horizon=4, batch_size=3).fingerprint == known


def test_the_mask_and_the_cuts_belong_to_the_fingerprint() -> None:
    x = takes(30, 20)
    sources = [
        rb.Windows(x[0], x[0], horizon=4, batch_size=2),
        rb.Windows(x[0], x[0], horizon=4, batch_size=2, mask=np.ones(30, bool)),
        rb.Windows([x[0]], [x[0]], horizon=4, batch_size=2),
        rb.Windows(x, x, horizon=4, batch_size=2),
        rb.Windows(x[::-1], x[::-1], horizon=4, batch_size=2),
    ]
    assert len({fingerprint(source) for source in sources}) == len(sources)


def test_recordings_resume_to_the_same_bits(tmp_path: Path) -> None:
    x = takes(40, 24)
    data = rb.Windows(x, x, horizon=8, batch_size=2, mask=[np.arange(len(a)) >= 3 for a in x])

    def trainer(folder: str) -> rb.Trainer:
        model = amp()
        return rb.Trainer(model, rb.optim.Adam(model), MSE, folder=tmp_path / folder)

    whole = trainer("whole")
    whole.fit(data, steps=9)
    trainer("cut").fit(data, steps=5)
    resumed = trainer("cut").resume()
    resumed.fit(data, steps=9)
    for name, p in whole.model.params.items():
        np.testing.assert_array_equal(resumed.model.params[name], p)


BAD = {
    "too short": (
        {"x": takes(40, 3)},
        ValueError,
        "recording 1 has 3 steps, too short for 4 lanes",
    ),
    "one target": (
        {"target": takes(60)[0]},
        rb.ShapeError,
        "target must be a list of 2 recordings, as x",
    ),
    "a target less": (
        {"target": takes(40)},
        rb.ShapeError,
        "list of 2 recordings, as x, found a list of 1",
    ),
    "other lengths": (
        {"target": takes(40, 21)},
        rb.ShapeError,
        r"target\[1\] has shape \(21, 1\), x\[1\] \(20, 1\)",
    ),
    "frames": (
        {"x": [np.ones((5, 5))] * 3, "target": np.ones(3)},
        rb.ShapeError,
        "one stream say recordings=False",
    ),
    "features": (
        {"x": [np.ones((20, 1)), np.ones((20, 2))]},
        rb.ShapeError,
        r"x\[1\] has shape \(20, 2\), x\[0\]",
    ),
    "dtypes": (
        {"x": [np.ones((20, 1)), np.ones((20, 1), int)]},
        TypeError,
        r"x\[1\] has dtype int64, x\[0\] float64",
    ),
    "one mask": ({"mask": np.ones(60)}, rb.ShapeError, "mask must be a list of 2 recordings"),
    "mask axes": ({"mask": takes(40, 20)}, rb.ShapeError, r"mask\[0\] must have shape \(40,\)"),
    "symbols": (
        {"x": [np.arange(9)] * 2, "target": None},
        ValueError,
        "recordings=True for as many",
    ),
    "recordings told": (
        {"x": takes(9)[0], "recordings": True},
        rb.ShapeError,
        "x must be a list of some recordings",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_go_together(case: str) -> None:
    changed, error, message = BAD[case]
    given = {"x": takes(40, 20), "target": None, "horizon": 5, "batch_size": 4} | changed
    with pytest.raises(error, match=message):
        rb.Windows(**given)


def test_a_stream_with_a_mask_of_another_length() -> None:
    x = takes(40)[0]
    with pytest.raises(
        rb.ShapeError, match=r"mask must have shape \(40,\), a weight for each step"
    ):
        rb.Windows(x, x, horizon=5, batch_size=2, mask=np.ones(39))


def test_batches_have_defaults_and_sources_are_iterable() -> None:
    x = RNG.normal(size=(5, 3, 2))
    batch = Batch(x)
    assert (batch.target, batch.mask, batch.fresh) == (None, None, True)
    data = rb.Sequences(x, x, batch_size=2, seed=3)
    for k, found in enumerate(data):
        np.testing.assert_array_equal(found.x, data.batch(0, k).x)
    assert [b.x.shape for b in rb.Examples(x, None, batch_size=2)] == [
        (1, 2, 3, 2),
        (1, 2, 3, 2),
        (1, 1, 3, 2),
    ]
    with pytest.raises(
        rb.ShapeError, match=r"mask must have shape \(N, T\), a weight for each step"
    ):
        rb.Sequences(x, x, batch_size=2, mask=np.ones((5, 3, 4)))
