"""Batches without weight in the History, and losses that are not finite."""

from __future__ import annotations

import json

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.train.source import Batch

MSE = rb.losses.MeanSquaredError()
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 1)).astype("f4")


def model():
    return rb.Sequential(rb.RNN(1, 3, rng=0), rb.Dense(1 * 3, 1, rng=1))


def warm(horizon=10):
    mask = np.ones(60, bool)
    mask[:10] = mask[50:] = False
    return rb.Windows(X, X, horizon=horizon, batch_size=1, mask=mask)


def unrelated(error):
    """The errors before an error that say that a batch has no weight."""
    found = []
    while error := error.__context__:
        found += [error] * ("weights are 0" in str(error))
    return found


def squares(y, target):
    return float(((y - target) ** 2).sum()), 2 * (y - target)


def test_a_window_of_warm_up_has_no_loss_and_no_metric_and_is_not_skipped(tmp_path):
    seen = []
    history = rb.fit(
        model(),
        warm(),
        MSE,
        epochs=1,
        metrics="mse",
        folder=tmp_path,
        callbacks=[lambda event: seen.append(f"{event.metrics['loss']:.3f}")],
    )
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["loss"] is None for line in lines] == [line.get("mse") is None for line in lines]
    assert np.isnan(history.losses).tolist() == [True, False, False, False, False, True]
    assert np.isnan(history.metrics["mse"]).tolist() == np.isnan(history.losses).tolist()
    assert (history.steps, history.skipped, history.weightless) == (6, 0, 2)
    assert "nan" not in repr(history)
    assert f"{history.losses[1]:.4g}"[:4] in repr(history)
    assert seen[0] == "nan"


def test_a_run_that_goes_on_counts_on(tmp_path):
    trainer = rb.Trainer(net := model(), rb.optim.Adam(net), MSE, folder=tmp_path)
    trainer.fit(warm(), epochs=1)
    net = model()
    again = (
        rb.Trainer(net, rb.optim.Adam(net), MSE, folder=tmp_path)
        .resume()
        .fit(warm(), until_epochs=2)
    )
    assert (again.weightless, again.skipped, again.steps) == (4, 0, 12)


def test_a_batch_that_is_skipped_counts_as_skipped_all_the_same():
    x = X.copy()
    x[25] = np.nan
    data = rb.Windows(x, X, horizon=10, batch_size=1, mask=np.arange(60) >= 10)
    history = rb.fit(model(), data, MSE, epochs=1, on_nonfinite="skip")
    assert (history.weightless, history.skipped) == (1, 1)


def test_an_error_in_a_window_without_weight_has_no_other_before_it():
    mask = np.ones((5, 2))
    bad = np.ones((5, 2, 1), "f4")
    bad[4, 1] = np.nan

    def batches():
        yield Batch(np.ones((5, 2, 1), "f4"), np.ones((5, 2, 1), "f4"), mask * 0)
        yield Batch(bad, np.ones((5, 2, 1), "f4"), mask, fresh=False)

    with pytest.raises(ValueError, match="nan") as caught:
        rb.fit(model(), batches, MSE, epochs=1)
    assert not unrelated(caught.value)


def test_an_error_of_the_run_for_the_state_alone_has_no_other_before_it():
    net = rb.Sequential(rb.RNN(1, 3, activation="relu", rng=0), rb.Dense(3, 1))
    next(iter(net.params.values()))[...] = 1e30
    x = np.full((5, 2, 1), 1e30, "f4")
    with pytest.raises(FloatingPointError, match="the state 0") as caught:
        rb.fit(net, [(x, x, np.zeros((5, 2)))], MSE, epochs=1)
    assert not unrelated(caught.value)


def test_a_target_of_another_shape_is_not_said_to_come_of_the_state():
    def batches():
        yield Batch(np.ones((5, 2, 1), "f4"), np.ones((5, 2, 1), "f4"))
        yield Batch(np.ones((5, 2, 1), "f4"), np.ones((4, 2, 1), "f4"), fresh=False)

    with pytest.raises(rb.ShapeError, match="target axis 0") as caught:
        rb.fit(model(), batches, MSE, epochs=1)
    assert not any("carried over" in note for note in caught.value.__notes__)


def nan_aware(y, target):
    d = np.where(np.isnan(target), 0, y - target)
    return float(((y - target) ** 2).sum()), 2 * d


class Sums(rb.losses.Loss):
    def summed(self, y, target, weights=None):
        return nan_aware(y, target)

    def weight(self, target, weights=None, *, outputs):
        return 1.0


@pytest.mark.parametrize("loss", [nan_aware, rb.losses.WholeSequence(nan_aware), Sums()])
@pytest.mark.parametrize("place", ["data", "validation"])
def test_a_loss_that_is_nan_because_the_target_is_says_so(loss, place):
    good, bad = np.ones((4, 5, 1), "f4"), np.ones((4, 5, 1), "f4")
    bad[3, 2] = np.nan
    sources = {
        "data": rb.Sequences(good, good, batch_size=2),
        "validation": rb.Sequences(good, good, batch_size=2),
    }
    sources[place] = rb.Sequences(good, bad, batch_size=2, shuffle=False)
    with pytest.raises(
        FloatingPointError, match=r"loss is nan.*the target is nan at \[2, 1, 0\]; give that step"
    ):
        rb.fit(model(), loss=loss, epochs=1, **sources)


def test_a_value_that_is_nan_with_finite_gradients_is_the_functions():
    def logarithm(y, target):
        with np.errstate(all="ignore"):
            return float(np.log(np.zeros(1))[0] * 0), 2 * (y - target)

    data = rb.Windows(X, X, horizon=10, batch_size=1)
    with pytest.raises(
        FloatingPointError,
        match=r"loss is nan, and all gradients are finite: look at how .*logarithm",
    ):
        rb.fit(model(), data, logarithm, epochs=1)


def test_a_target_that_is_nan_where_the_mask_is_0_is_not_blamed():
    target = X.copy()
    target[:10] = np.nan
    data = rb.Windows(X, target, horizon=20, batch_size=1, mask=np.arange(60) >= 10)
    assert np.isfinite(rb.fit(model(), data, squares, epochs=1).losses).all()


@pytest.mark.parametrize(
    ("x", "mask"),
    [(X, np.ones((60, 2), bool)), ([X], [np.ones((60, 2), bool)])],
    ids=["an array", "recordings"],
)
def test_a_mask_of_elements_of_windows_names_the_loss_of_known_elements(x, mask):
    with pytest.raises(
        rb.ShapeError,
        match=r"put NaN in the target in the place of the others, and give the loss as "
        r"rnnbp\.losses\.Known\(loss\)$",
    ):
        rb.Windows(x, x, horizon=10, batch_size=1, mask=mask)


def test_a_mask_of_elements_of_sequences_that_has_not_those_of_the_target():
    x = np.ones((4, 5, 12), "f4")
    with pytest.raises(
        rb.ShapeError,
        match=r"put NaN in the target in the place of the others, and give the loss as "
        r"rnnbp\.losses\.Known\(loss\)$",
    ):
        rb.Sequences(x, x, batch_size=2, mask=x[..., :3] > 0)
    with pytest.raises(rb.ShapeError, match=r"give mask\[\.\.\., 0\]"):
        rb.Sequences(x, x, batch_size=2, mask=x[..., :1] > 0)
