"""Sources evaluated and predicted in one call, against loops by hand: argmax, means."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.train import Batch

N, T, F, K = 11, 8, 3, 4
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, T, F))
LENGTHS = RNG.integers(1, T + 1, N)
MASK = np.arange(T) < LENGTHS[:, None]
LABELS = RNG.integers(0, K, N)
STEPS = RNG.integers(0, K, (N, T))
CE, MSE = rb.losses.CrossEntropy(), rb.losses.MeanSquaredError()


def net(out: int = K, inputs: int = F) -> rb.Sequential:
    return rb.Sequential(
        rb.GRU(inputs, 6, dtype="float64", rng=0), rb.Dense(6, out, dtype="float64", rng=1)
    )


@lru_cache
def whole(out: int = K) -> np.ndarray:
    """Outputs (N, T, out), one sequence at a time."""
    return np.stack([rb.predict(net(out), sequence[:, None])[0][:, 0] for sequence in X])


def test_classification_of_padded_sequences() -> None:
    data = rb.Sequences(X, LABELS, mask=MASK, last=True, batch_size=4, seed=5)
    expected = whole()[np.arange(N), LENGTHS - 1]
    logits = rb.predict(net(), data)
    np.testing.assert_allclose(logits, expected, rtol=1e-12)
    found = rb.evaluate(net(), data, CE, metrics=["accuracy"])
    assert found["accuracy"] == pytest.approx((expected.argmax(-1) == LABELS).mean())
    assert found["loss"] == pytest.approx(CE(expected, LABELS)[0])


def test_a_label_for_each_step() -> None:
    data = rb.Sequences(np.where(MASK[..., None], X, np.nan), STEPS, mask=MASK, batch_size=4)
    logits = rb.predict(net(), data)
    np.testing.assert_allclose(logits[MASK], whole()[MASK], rtol=1e-12)
    found = rb.evaluate(net(), data, CE, metrics="accuracy")
    assert found["accuracy"] == pytest.approx((logits.argmax(-1) == STEPS)[MASK].mean())
    last = rb.predict(net(), data, last=True)
    np.testing.assert_allclose(last, logits[np.arange(N), LENGTHS - 1], rtol=1e-12)


def test_regression_with_weights_and_functions_of_ones_own() -> None:
    target, weights = RNG.normal(size=(N, T, 2)), RNG.uniform(size=(N, T)) * MASK
    data = rb.Sequences(X, target, mask=weights, batch_size=3)

    def coverage(y: Any, t: Any) -> Any:
        return (abs(y - t) < 0.5).all(axis=-1)  # per step

    metrics = {"mse": "mse", "mae": "mae", "bias": lambda y, t: y - t, "coverage": coverage}
    found = rb.evaluate(net(2), data, MSE, metrics=metrics)
    d = whole(2) - target
    assert found["mse"] == pytest.approx(found["loss"], rel=1e-12)
    assert found["mse"] == pytest.approx((d**2 * weights[..., None]).sum() / weights.sum() / 2)
    assert found["mae"] == pytest.approx((abs(d) * weights[..., None]).sum() / weights.sum() / 2)
    assert found["bias"] == pytest.approx((d * weights[..., None]).sum() / weights.sum() / 2)
    assert found["coverage"] == pytest.approx(
        ((abs(d) < 0.5).all(-1) * weights).sum() / weights.sum()
    )


def test_what_has_no_weight_may_be_nan() -> None:
    target = np.where(MASK, RNG.normal(size=(N, T)), np.nan)[..., None]
    data = rb.Sequences(X, target, mask=MASK, batch_size=3)
    found = rb.evaluate(net(1), data, MSE, metrics=["mse", "mae"])
    assert found["mse"] == pytest.approx(found["loss"], rel=1e-12)
    assert found["mae"] == pytest.approx(abs(whole(1) - target)[MASK].mean(), rel=1e-12)


@pytest.mark.parametrize("kind", [float, int, bool])
def test_binary_accuracy_of_logits_and_of_probabilities(kind: type) -> None:
    target = RNG.integers(0, 2, (N, T, 1)).astype(kind)
    data = rb.Sequences(X, target, batch_size=4)
    y = whole(1)
    found = rb.evaluate(net(1), data, rb.losses.BinaryCrossEntropy(), metrics=["accuracy"])
    assert found["accuracy"] == pytest.approx(((y > 0) == target).mean())
    found = rb.evaluate(net(1), data, MSE, metrics=["accuracy"])
    assert found["accuracy"] == pytest.approx(((y > 0.5) == target).mean())


def test_one_hot_targets_with_a_loss_of_ones_own() -> None:
    target = np.eye(K)[STEPS]
    found = rb.evaluate(net(), rb.Sequences(X, target, batch_size=4), MSE, metrics=["accuracy"])
    assert found["accuracy"] == pytest.approx((whole().argmax(-1) == STEPS).mean())


def test_examples_in_their_order() -> None:
    model = rb.Sequential(rb.Dense(F, K, dtype="float64", rng=0))
    data = rb.Examples(X[:, 0], LABELS, batch_size=4, seed=2)
    logits = rb.predict(model, data)
    np.testing.assert_allclose(logits, rb.predict(model, X[None, :, 0])[0][0], rtol=1e-12)
    found = rb.evaluate(model, data, CE, metrics=["accuracy"])
    assert found["accuracy"] == pytest.approx((logits.argmax(-1) == LABELS).mean())


def test_a_stream_and_recordings_in_their_order() -> None:
    x = RNG.normal(size=(43, F))
    data = rb.Windows(x, None, horizon=5, batch_size=4)  # lanes of 10 steps
    expected = np.concatenate(
        [rb.predict(net(), x[k : k + 10, None])[0][:, 0] for k in (0, 10, 20, 30)]
    )
    np.testing.assert_allclose(rb.predict(net(), data), expected, rtol=1e-12)
    found = rb.predict(net(), rb.Windows([x, x[:20]], None, horizon=5, batch_size=4))
    assert [len(y) for y in found] == [40, 20]
    np.testing.assert_allclose(found[0], expected, rtol=1e-12)
    np.testing.assert_allclose(
        found[1][5:10], rb.predict(net(), x[5:10, None])[0][:, 0], rtol=1e-12
    )
    with pytest.raises(
        ValueError, match="last=True is for sequences; the windows of a stream go on"
    ):
        rb.predict(net(), data, last=True)


def test_outputs_take_no_more_than_their_memory() -> None:
    data = rb.Sequences(np.zeros((2000, T, F), np.float32), None, batch_size=50)
    model = rb.Sequential(rb.GRU(F, 6, rng=0), rb.Dense(6, 40, rng=1))
    rb.predict(model, data)
    with rb.memory.measure() as used:
        y = rb.predict(model, data)
    assert used.peak_bytes < 1.5 * y.nbytes


class NeverFresh(rb.train.Source):
    batches_per_epoch = 2

    def batch(self, epoch: int, index: int) -> Batch:
        return Batch(X[:, 4 * index : 4 * index + 4].swapaxes(0, 1), fresh=False)


def test_a_first_batch_that_goes_on_begins_from_the_initial_state() -> None:
    np.testing.assert_allclose(rb.predict(net(), NeverFresh()), whole(), rtol=1e-12)


class Carried:
    """Two groups of batches, the second batch of each goes on from the first."""

    batches_per_epoch = 4

    def batch(self, epoch: int, index: int) -> Batch:
        rows = slice(0, 5) if index < 2 else slice(5, 11)
        steps = slice(0, 5) if index % 2 == 0 else slice(5, T)
        return Batch(
            X[rows, steps].swapaxes(0, 1), STEPS[rows, steps].swapaxes(0, 1), fresh=index % 2 == 0
        )


def test_sources_of_ones_own_that_carry_their_state() -> None:
    np.testing.assert_allclose(rb.predict(net(), Carried()), whole(), rtol=1e-12)
    found = rb.evaluate(net(), Carried(), CE, metrics=["accuracy"])
    assert found["accuracy"] == pytest.approx((whole().argmax(-1) == STEPS).mean())
    with pytest.raises(ValueError, match="last=True, but batch 1 goes on from the one before"):
        rb.predict(net(), Carried(), last=True)


def test_iterables() -> None:
    loader = [(X[k : k + 4], LABELS[k : k + 4]) for k in range(0, N, 4)]
    data = rb.Batches(loader, batch_first=True, last=True)
    np.testing.assert_allclose(rb.predict(net(), data), whole()[:, -1], rtol=1e-12)
    assert rb.evaluate(net(), data, CE, metrics=["accuracy"]).keys() == {"loss", "accuracy"}
    first = [(x.swapaxes(0, 1),) for x, _ in loader]
    np.testing.assert_allclose(rb.predict(net(), first), whole(), rtol=1e-12)
    turned = [(x.swapaxes(0, 1), STEPS[:4].T) for x, _ in loader[:1]]
    assert rb.evaluate(net(), iter(turned), CE) == rb.evaluate(net(), turned, loss=CE)


def test_outputs_of_several_lengths_are_no_one_array() -> None:
    data = [(X[:4].swapaxes(0, 1),), (X[4:, :5].swapaxes(0, 1),)]
    with pytest.raises(rb.ShapeError, match=r"batches are of 5, 8 steps.*give last=True"):
        rb.predict(net(), data)
    assert rb.predict(net(), data, last=True).shape == (N, K)


def test_monte_carlo_dropout_over_a_source() -> None:
    model = rb.Sequential(rb.GRU(F, 6, rng=0), rb.Dropout(0.5), rb.Dense(6, K, rng=1))
    data = rb.Sequences(X.astype(np.float32), None, batch_size=4)
    one, same, other = (rb.predict(model, data, training=True, seed=k) for k in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_mapped_data(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    data = rb.Sequences(mapped, LABELS, last=True, batch_size=4)
    assert rb.evaluate(net(), data, CE) == rb.evaluate(
        net(), rb.Sequences(X, LABELS, last=True, batch_size=4), CE
    )


DATA = rb.Sequences(X, LABELS, last=True, batch_size=4)
BAD: dict[str, tuple[Any, type[Exception], str]] = {
    "near": (
        lambda: rb.evaluate(net(), DATA, CE, metrics=["acuracy"]),
        ValueError,
        "did you mean 'accuracy'?",
    ),
    "of Keras": (
        lambda: rb.evaluate(net(), DATA, CE, metrics=["acc"]),
        ValueError,
        "did you mean 'accuracy'?",
    ),
    "capitals": (
        lambda: rb.evaluate(net(), DATA, CE, metrics=["MSE"]),
        ValueError,
        "did you mean 'mse'?",
    ),
    "far": (
        lambda: rb.evaluate(net(), DATA, CE, metrics=["f1"]),
        ValueError,
        "they are 'accuracy', 'mse', 'mae'",
    ),
    "a number": (
        lambda: rb.evaluate(net(), DATA, CE, metrics=[3]),
        TypeError,
        "a name or a function",
    ),
    "a mean": (
        lambda: rb.evaluate(net(), DATA, CE, metrics=[lambda y, t: (y.argmax(-1) == t).mean()]),
        rb.ShapeError,
        "return the values of each step",
    ),
    "twice": (
        lambda: rb.evaluate(net(), DATA, CE, metrics=["mse", "mse"]),
        ValueError,
        "two are called 'mse'",
    ),
    "labels in mse": (
        lambda: rb.evaluate(net(), DATA, CE, metrics=["mse"]),
        rb.ShapeError,
        "target must have y's shape",
    ),
    "arrays": (
        lambda: rb.evaluate(net(), X.swapaxes(0, 1), CE),
        TypeError,
        r"\(model, source, loss\) for a source",
    ),
    "a target too": (
        lambda: rb.evaluate(net(), DATA, STEPS, CE),
        TypeError,
        "a source has its own targets",
    ),
    "a mask": (
        lambda: rb.predict(net(), DATA, mask=MASK),
        TypeError,
        "mask cannot be given with a source",
    ),
    "metrics of arrays": (
        lambda: rb.evaluate(net(), X.swapaxes(0, 1), STEPS.T, CE, metrics=["accuracy"]),
        TypeError,
        "wrap the arrays in Sequences",
    ),
}


def test_an_error_within_a_metric_says_how_it_is_called() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        rb.evaluate(net(), DATA, CE, metrics={"mine": lambda y, t: 1 / 0})
    assert any("in metric mine, called as (y, target)" in note for note in caught.value.__notes__)


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_evaluated(case: str) -> None:
    call, error, message = BAD[case]
    with pytest.raises(error, match=message):
        call()
