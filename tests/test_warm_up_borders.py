"""Warm-up steps of windows, what x of windows may be, and which data an error speaks of."""

from __future__ import annotations

import numpy as np
import pytest

import rnnbp as rb

MSE = rb.losses.MeanSquaredError()
RNG = np.random.default_rng(0)


def model():
    return rb.Sequential(
        rb.LSTM(1, 3, rng=0, dtype="float64"), rb.Dense(3, 1, rng=1, dtype="float64")
    )


def stream(steps=60):
    return RNG.normal(size=(steps, 1)), RNG.normal(size=(steps, 1))


@pytest.mark.parametrize("horizon", [5, 7, 12, 40])
def test_warm_up_leaves_the_first_steps_of_each_lane_out_of_the_loss(horizon):
    x, y = stream()
    data, net = rb.Windows(x, y, horizon=horizon, batch_size=2, warm_up=12), model()
    out = rb.predict(net, x.reshape(2, 30, 1).swapaxes(0, 1))[0]
    expected = ((out - y.reshape(2, 30, 1).swapaxes(0, 1))[12:] ** 2).mean()
    assert rb.evaluate(net, data, MSE)["loss"] == pytest.approx(expected, rel=1e-12)
    masks = [np.ones(batch.x.shape[:2]) if batch.mask is None else batch.mask for batch in data]
    np.testing.assert_array_equal(
        np.concatenate(masks), np.repeat(np.arange(30)[:, None] >= 12, 2, axis=1)
    )


@pytest.mark.parametrize("kind", [bool, float])
def test_warm_up_and_a_mask_are_multiplied_for_each_recording(kind):
    takes = [stream(41)[0], stream(23)[0]]
    masks = [(RNG.random(len(take)) > 0.3).astype(kind) for take in takes]
    before = [mask.copy() for mask in masks]
    data = rb.Windows(takes, takes, horizon=6, batch_size=2, mask=masks, warm_up=8)
    found = np.concatenate([batch.mask for batch in data])
    lanes = [mask[: len(mask) // 2 * 2].reshape(2, -1).T.copy() for mask in masks]
    for lane in lanes:
        lane[:8] = 0
    np.testing.assert_array_equal(found, np.concatenate(lanes))
    for mask, then in zip(masks, before, strict=True):
        np.testing.assert_array_equal(mask, then)


def test_a_run_with_warm_up_trains_as_with_a_mask_of_each_lane():
    x, y = stream()
    mask = np.arange(60) % 30 >= 12
    losses = []
    for how in ({"warm_up": 12}, {"mask": mask}):
        data = rb.Windows(x, y, horizon=10, batch_size=2, **how)
        losses.append(rb.fit(model(), data, MSE, "sgd", learning_rate=0.1, epochs=2).losses)
    # A loss of masked steps is added up otherwise, to rounding, also where the mask is whole.
    np.testing.assert_allclose(*losses, rtol=1e-14)
    assert np.isnan(losses[0][0])
    assert np.isfinite(losses[0][1:3]).all()


def test_warm_up_of_symbols_and_in_repr_and_fingerprint():
    text = RNG.integers(0, 5, 101)
    data = rb.Windows.next_symbol(text, horizon=10, batch_size=2, warm_up=3)
    assert data.batch(0, 0).mask.sum() == 14
    assert data.batch(0, 1).mask is None
    assert repr(data).endswith("warm_up  3 steps of each lane")
    plain = rb.Windows.next_symbol(text, horizon=10, batch_size=2)
    assert plain.fingerprint != data.fingerprint
    assert "warm" not in repr(plain)


@pytest.mark.parametrize(
    ("how", "error", "words"),
    [
        ({"warm_up": 30}, ValueError, "warm_up of 30 steps leaves nothing of lanes of 30"),
        ({"warm_up": -1}, ValueError, "warm_up must be at least 0"),
        ({"warm_up": 1.5}, TypeError, "warm_up must be an integer"),
        ({"warmup": 3}, TypeError, "'warmup', it is called 'warm_up' here"),
        ({"washout": 3}, TypeError, "it is called 'warm_up' here"),
    ],
)
def test_a_warm_up_that_cannot_be_is_refused(how, error, words):
    x, y = stream()
    with pytest.raises(error, match=words):
        rb.Windows(x, y, horizon=10, batch_size=2, **how)


@pytest.mark.parametrize(
    "x", [np.zeros((1, 60, 1)), np.zeros((1, 60)), np.zeros((1, 60), int), np.zeros((1, 60, 2))]
)
@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_batch_axis_is_named(x, batch_size):
    with pytest.raises(
        rb.ShapeError,
        match=r"axis 0 of a stream is its steps.* of 60 steps give x\[0\], and likewise",
    ):
        rb.Windows(x, x, horizon=10, batch_size=batch_size)
    rb.Windows(x[0], x[0], horizon=10, batch_size=batch_size)


def test_a_batch_axis_of_recordings_is_named():
    takes = [np.zeros((1, 60, 1)), np.zeros((1, 50, 1))]
    with pytest.raises(
        rb.ShapeError, match=r"x\[0\] has shape \(1, 60, 1\).* give \[a\[0\] for a in x\]"
    ):
        rb.Windows(takes, takes, horizon=10, batch_size=1)


def test_an_array_of_recordings_is_made_a_list():
    takes = np.zeros((3, 60, 1))
    with pytest.raises(rb.ShapeError, match=r"x must be a list of some recordings.*; give \[\*x\]"):
        rb.Windows(takes, takes, horizon=10, batch_size=1, recordings=True)
    assert rb.Windows([*takes], [*takes], horizon=10, batch_size=1).batches_per_epoch == 18


def test_one_step_of_a_few_features_is_a_stream():
    assert rb.Windows(np.zeros((1, 3)), None, horizon=10, batch_size=1).batch(0, 0).x.shape == (
        1,
        1,
        3,
    )


def test_vectors_of_floats_may_be_recordings_or_a_stream():
    takes = [RNG.normal(size=50) for _ in range(3)]
    with pytest.raises(
        ValueError, match=r"3 arrays of 50 numbers: give recordings=True .* recordings=False"
    ):
        rb.Windows(takes, takes, horizon=10, batch_size=1)
    assert (
        rb.Windows(takes, takes, horizon=10, batch_size=1, recordings=True).batches_per_epoch == 15
    )
    assert (
        rb.Windows(takes, takes, horizon=10, batch_size=1, recordings=False).batches_per_epoch == 1
    )
    assert not rb.Windows(takes * 10, takes * 10, horizon=10, batch_size=1).listed
    assert not rb.Windows([np.zeros(2)] * 3, None, horizon=10, batch_size=1).listed


@pytest.mark.parametrize(
    "call", [lambda d: rb.fit(model(), d, MSE, epochs=1), lambda d: rb.evaluate(model(), d, MSE)]
)
def test_a_missing_axis_of_features_is_named(call):
    x, y = stream()
    rows = x.reshape(6, 10)
    sources = [
        rb.Windows(x[:, 0], y, horizon=10, batch_size=2),
        rb.Sequences(rows, rows[..., None], batch_size=3),
        rb.Sequences(rows, rows[:, :1], batch_size=3, last=True),
    ]
    for source in sources:
        with pytest.raises(
            rb.ShapeError,
            match=r"an axis is missing, the features come last; give x\[\.\.\., None\]",
        ):
            call(source)


def places(call, source):
    with pytest.raises((ValueError, FloatingPointError)) as caught:
        call(source)
    return caught.value.__notes__


def train(source):
    return rb.fit(model(), source, MSE, epochs=1)


@pytest.mark.parametrize(
    "call",
    [
        train,
        lambda source: rb.fit(model(), source, MSE, epochs=1, accumulate=2),
        lambda source: rb.evaluate(model(), source, MSE),
        lambda source: rb.fit(model(), GOOD, MSE, epochs=1, validation=source),
    ],
)
@pytest.mark.parametrize("part", ["x", "target"])
def test_errors_of_shuffled_sequences_say_which_they_are(call, part):
    given = {"x": RNG.normal(size=(20, 5, 1)), "target": RNG.normal(size=(20, 5, 1))}
    given[part][13, 3] = np.nan
    source = rb.Sequences(**given, batch_size=4)
    order = np.concatenate([batch.x[0, :, 0] for batch in source])
    row = int(np.flatnonzero(order == given["x"][13, 0, 0])[0]) % 4
    assert f"row {row} of the batch is sequence 13: see {part}[13, 3]" in places(call, source)


GOOD = rb.Sequences(RNG.normal(size=(4, 5, 1)), RNG.normal(size=(4, 5, 1)), batch_size=4)


def test_so_in_predict_in_the_order_of_the_data():
    x = RNG.normal(size=(20, 5, 1))
    x[13, 3] = np.nan
    notes = places(lambda source: rb.predict(model(), source), rb.Sequences(x, None, batch_size=4))
    assert "row 1 of the batch is sequence 13: see x[13, 3]" in notes


def test_so_of_windows_and_recordings_whatever_the_chunk():
    x, y = stream()
    y[43] = np.nan
    one = rb.Windows(x, y, horizon=10, batch_size=2)
    assert "step 3 of row 1 of the batch is step 43 of the stream" in places(train, one)
    chunked = places(lambda source: rb.fit(model(), source, own, epochs=1, chunk=2), one)
    assert "step 3 of row 1 of the batch is step 43 of the stream" in chunked
    listed = rb.Windows([x, x], [x, y], horizon=10, batch_size=2)
    assert "step 3 of row 1 of the batch is step 43 of recording 1" in places(train, listed)


def own(y, target):
    return float(((y - target) ** 2).sum()), 2 * (y - target)


def test_so_of_examples():
    x = RNG.normal(size=(20, 2))
    x[7, 1] = np.nan
    net = rb.Sequential(rb.Dense(2, 1))
    notes = places(
        lambda source: rb.fit(net, source, MSE, epochs=1),
        rb.Examples(x, x[:, :1], batch_size=20, shuffle=False),
    )
    assert "row 7 of the batch is example 7: see x[7]" in notes


def test_a_gradient_or_state_is_no_place_in_the_data():
    net = rb.Sequential(rb.RNN(1, 3, activation="relu", rng=0), rb.Dense(3, 1))
    next(iter(net.params.values()))[...] = 1e30
    x = np.full((4, 5, 1), 1e30, "f4")
    notes = places(
        lambda source: rb.fit(net, source, MSE, epochs=1), rb.Sequences(x, x, batch_size=2)
    )
    assert not any("sequence" in note for note in notes)
