"""Gaps in a target, element by element."""

from __future__ import annotations

import pickle
import re
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.traced_runs import BACKENDS, off

QS = (0.1, 0.5, 0.9)
LOSSES: dict[str, Any] = {
    "squares": rb.losses.MeanSquaredError(),
    "absolute": rb.losses.MeanAbsoluteError(),
    "huber": rb.losses.Huber(),
    "quantile": rb.losses.Quantile(0.8),
    "binary": rb.losses.BinaryCrossEntropy(),
}
rng = np.random.default_rng(0)
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def holed(shape: tuple[int, ...], dtype: str = "float64") -> Any:
    """Numbers from 0 to 1, of which a third is not known."""
    found = rng.random(shape).astype(dtype)
    found[rng.random(shape) < 1 / 3] = np.nan
    return found


@every_loss
@pytest.mark.parametrize("weights", [None, rng.random((6, 4))])
def test_it_is_the_mean_over_the_elements_that_are_known(loss: Any, weights: Any) -> None:
    y, target = rng.normal(size=(6, 4, 5)), holed((6, 4, 5))
    known = np.isfinite(target)
    value, dy = rb.losses.Known(loss)(y, target, weights)
    each = np.ones((6, 4)) if weights is None else weights
    flat = np.repeat(each, 5).reshape(known.shape)[known]
    wanted, dwanted = loss(y[known], target[known], flat)
    assert value == pytest.approx(wanted, rel=1e-12)
    np.testing.assert_allclose(dy[known], dwanted, rtol=1e-12)
    assert not dy[~known].any()


@every_loss
def test_without_gaps_it_is_the_loss_itself(loss: Any) -> None:
    y, target = rng.normal(size=(6, 4, 5)), rng.random((6, 4, 5))
    value, dy = rb.losses.Known(loss)(y, target)
    assert value == pytest.approx(loss(y, target)[0], rel=1e-14)  # added in another order
    np.testing.assert_array_equal(dy, loss(y, target)[1])
    classes = (target > 0.5).astype(int)  # which have no NaN
    weights = rng.random((6, 4))
    assert rb.losses.Known(loss)(y, classes, weights)[0] == loss(y, classes, weights)[0]


@pytest.mark.long
def test_a_forecast_of_hours_that_were_not_all_measured() -> None:
    noise = (rng.random((400, 2, 12)) + np.arange(12) / 12).astype("float32")
    target = np.where(rng.random(noise.shape) < 0.3, np.nan, noise)
    data = rb.Sequences(np.ones((400, 2, 3), "float32"), target[..., None], batch_size=50)
    rate = rb.optim.Cosine(0.05, steps=30 * data.batches_per_epoch)
    model = rb.Sequential(rb.RNN(3, 8, rng=1), rb.Dense(8, 36, rng=2), rb.Reshape((36,), (12, 3)))
    loss = rb.losses.Known(rb.losses.Quantile(QS))
    history = rb.fit(model, data, loss, learning_rate=rate, epochs=30)
    below = (noise[..., None] < rb.predict(model, data)).mean(axis=(0, 1))
    np.testing.assert_allclose(below, [QS] * 12, atol=0.1)
    assert history.losses[-1] < history.losses[0] / 3


@pytest.mark.parametrize("checkpoint", ["all", "sqrt"])
def test_the_mean_is_of_the_whole_sequence_whatever_the_chunks(checkpoint: str) -> None:
    x, target = rng.normal(size=(20, 3, 2)), holed((20, 3, 4))
    target[8:16] = np.nan  # a chunk of which nothing is known
    model, loss = rb.GRU(2, 4, dtype="float64", rng=0), rb.losses.Known(rb.losses.Huber())
    lengths = np.arange(20)[:, None] < [20, 11, 5]
    whole = rb.bptt(model, x, target, loss, mask=lengths)
    parts = rb.bptt(model, x, target, loss, mask=lengths, chunk=4, checkpoint=checkpoint)
    assert parts.loss == pytest.approx(whole.loss, rel=1e-12)
    for name, grad in whole.grads.items():
        np.testing.assert_allclose(parts.grads[name], grad, rtol=1e-9, atol=1e-12)


def test_its_gradients_are_checked() -> None:
    y, target = rng.normal(size=(5, 2, 4)), holed((5, 2, 4))
    assert rb.check_grads(rb.losses.Known(rb.losses.MeanSquaredError()), y, target).worst < 1e-9


class Cubes(rb.losses.Elementwise):
    """A loss of a user's own."""

    def elements(self, y: Any, target: Any) -> tuple[Any, Any]:
        d = y - target
        return np.abs(d) ** 3, 3 * d * np.abs(d)


def test_a_loss_of_ones_own_sees_no_nan() -> None:
    y, target = rng.normal(size=(6, 4, 5)), holed((6, 4, 5))
    value, dy = rb.losses.Known(Cubes())(y, target)
    assert value == pytest.approx(np.nanmean(np.abs(y - target) ** 3))
    assert np.isfinite(dy).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("loss", [LOSSES["squares"], LOSSES["quantile"]])
@pytest.mark.one_in(8, "backend", "loss")
def test_its_bytes_are_foreseen(loss: Any, backend: str, masked: bool, dtype: str) -> None:
    x, target = rng.normal(size=(12, 512, 4)).astype("float32"), holed((12, 512, 64), dtype)
    mask = {"mask": np.ones((12, 512))} if masked else {}
    model = rb.RNN(4, 64, rng=0)

    def run() -> Any:
        given = (model, x, target, rb.losses.Known(loss))
        return rb.bptt(*given, chunk=6, checkpoint="sqrt", backend=backend, dx=False, **mask)

    assert off(run) == 0


def test_a_run_goes_on_from_its_snapshot(tmp_path: Any) -> None:
    x, target = rng.normal(size=(8, 5, 2)).astype("float32"), holed((8, 5, 3), "float32")
    data = rb.Sequences(x, target, batch_size=4)

    def fit(**options: Any) -> rb.train.History:
        loss = pickle.loads(pickle.dumps(rb.losses.Known(rb.losses.Quantile(0.9))))
        return rb.fit(rb.RNN(2, 3, rng=0), data, loss, folder=tmp_path / "run", **options)

    fit(epochs=1)
    assert fit(epochs=2, resume=True).steps == 4


def test_what_it_refuses() -> None:
    with pytest.raises(TypeError, match="needs a loss of elements, as MeanSquaredError"):
        rb.losses.Known(rb.losses.CrossEntropy())  # type: ignore[arg-type]  # as a user tries it
    loss = rb.losses.Known(rb.losses.MeanSquaredError())
    assert repr(loss) == "Known(MeanSquaredError())"
    y = np.zeros((5, 2, 1), "float32")
    with pytest.raises(ValueError, match="no element is left to average over"):
        loss(y, np.full_like(y, np.nan))
    with pytest.raises(ValueError, match=r"target has inf at \[0, 0, 0\]"):
        loss(y, np.full_like(y, np.inf))
    data = rb.Sequences(np.zeros((2, 5, 3), "float32"), np.zeros((2, 5), "float32"), batch_size=2)
    with pytest.raises(
        rb.ShapeError, match=re.escape("(2, 5); MeanSquaredError() takes (N, T, 1)")
    ):
        rb.fit(rb.RNN(3, 1), data, loss, epochs=1)
