"""Metrics of a training, and a Trainer's look at a whole source, against loops by hand."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

N, T, F, K = 10, 6, 3, 4
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, T, F))
LABELS = RNG.integers(0, K, N)
MASK = np.arange(T) < RNG.integers(1, T + 1, N)[:, None]
CE, MSE = rb.losses.CrossEntropy(), rb.losses.MeanSquaredError()
DATA = rb.Sequences(X, LABELS, mask=MASK, last=True, batch_size=4, seed=1)
HELD_OUT = rb.Sequences(X[::-1], LABELS, mask=MASK, last=True, batch_size=4)


def net(dropout: float = 0.0) -> rb.Sequential:
    layers = (
        rb.GRU(F, 6, dtype="float64", rng=0),
        rb.Dropout(dropout),
        rb.Dense(6, K, dtype="float64", rng=1),
    )
    return rb.Sequential(*layers)


def trainer(folder: Path | None = None, **options: Any) -> rb.Trainer:
    model = net()
    return rb.Trainer(model, rb.optim.Adam(model), CE, folder=folder, **options)


def accuracy(model: Any, batch: rb.train.Batch) -> float:
    y, _ = rb.predict(model, batch.x)
    assert batch.target is not None
    assert batch.mask is not None
    return float((y.argmax(-1) == batch.target)[batch.mask > 0].mean())


def test_the_accuracy_of_batches_is_that_of_the_forward_of_their_loss() -> None:
    history = trainer(metrics=["accuracy"]).fit(DATA, epochs=2)
    by_hand = trainer()
    expected = []
    for epoch in range(2):
        for index in range(DATA.batches_per_epoch):
            batch = DATA.batch(epoch, index)
            expected.append(accuracy(by_hand.model, batch))
            by_hand.fit([batch], steps=1)
    assert history.metrics == {"accuracy": pytest.approx(expected)}


def test_metrics_change_no_bits_of_the_training() -> None:
    one, other = trainer(metrics=["accuracy"], checkpoint="1 MB"), trainer(checkpoint="1 MB")
    one.fit(DATA, epochs=1)
    other.fit(DATA, epochs=1)
    for name, p in other.model.params.items():
        np.testing.assert_array_equal(one.model.params[name], p)


def test_the_accuracy_of_validation_goes_to_the_metrics_and_the_history(tmp_path: Path) -> None:
    one = trainer(tmp_path, metrics=["accuracy"], validation=HELD_OUT)
    history = one.fit(DATA, epochs=2)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["accuracy"] for line in lines] == history.metrics["accuracy"]
    found = [line["validation_accuracy"] for line in lines if "validation" in line]
    assert found == history.metrics["validation_accuracy"]
    assert len(found) == len(history.validation_losses) == 2
    logits = one.predict(HELD_OUT)
    assert found[-1] == pytest.approx((logits.argmax(-1) == LABELS).mean())


def test_a_resumed_run_has_the_metrics_of_all_its_steps(tmp_path: Path) -> None:
    options: dict[str, Any] = {"metrics": ["accuracy"], "validation": HELD_OUT}
    whole = trainer(**options).fit(DATA, steps=7)
    trainer(tmp_path, **options).fit(DATA, steps=4)
    history = trainer(tmp_path, **options).resume().fit(DATA, steps=7)
    assert history.metrics == whole.metrics


@pytest.mark.quick
def test_a_trainer_evaluates_and_predicts_a_source() -> None:
    one = trainer(metrics=["accuracy"])
    one.fit(DATA, epochs=1)
    found = one.evaluate(HELD_OUT)
    logits = one.predict(HELD_OUT)
    at = MASK.sum(axis=1) - 1
    for k in range(N):
        y, _ = rb.predict(one.model, X[::-1][k][:, None])
        np.testing.assert_allclose(logits[k], y[at[k], 0], rtol=1e-12)
    assert found == {
        "loss": pytest.approx(CE(logits, LABELS)[0]),
        "accuracy": pytest.approx((logits.argmax(-1) == LABELS).mean()),
    }
    assert one.evaluate(HELD_OUT, metrics=()).keys() == {"loss"}
    assert found == rb.evaluate(one.model, HELD_OUT, CE, metrics=["accuracy"])


def test_a_metric_that_returns_what_a_loss_returns_is_refused() -> None:
    def squares(y: Any, target: Any) -> tuple[float, Any]:
        return float(((y - target) ** 2).sum()), 2 * (y - target)

    x = np.zeros((4, 6, 2), np.float32)
    text = r"metric squares returned a number and another value, as a loss .* evaluate\(model, source, loss"
    model, data = rb.RNN(2, 2, rng=0), rb.Sequences(x, x, batch_size=2)
    with pytest.raises(rb.ShapeError, match=text):
        rb.fit(model, data, rb.losses.MeanSquaredError(), steps=1, metrics=[squares])


def test_a_metric_may_return_a_tuple_of_rows() -> None:
    x = np.zeros((4, 2, 2), np.float32)
    model, data = rb.RNN(2, 2, rng=0), rb.Sequences(x, x, batch_size=2)
    rows = lambda y, target: tuple(np.full(2, 3.0) for _ in y)  # noqa: E731  # of two steps
    history = rb.fit(model, data, rb.losses.MeanSquaredError(), steps=1, metrics={"rows": rows})
    assert history.metrics == {"rows": [3.0]}


def test_fit_takes_metrics() -> None:
    history = rb.fit(
        net(), DATA, CE, steps=2, metrics="accuracy", validation=HELD_OUT, validate_every=1
    )
    assert {name: len(values) for name, values in history.metrics.items()} == {
        "accuracy": 2,
        "validation_accuracy": 2,
    }


def test_metrics_may_be_set_between_calls() -> None:
    one = trainer()
    one.fit(DATA, steps=1)
    one.metrics = ["accuracy"]
    assert len(one.fit(DATA, steps=1).metrics["accuracy"]) == 1
    with pytest.raises(ValueError, match=r"did you mean 'accuracy'\?"):
        one.metrics = ["acuracy"]


def test_a_window_without_weight_has_no_metrics() -> None:
    x = RNG.normal(size=(20, F))
    data = rb.Windows(x, x, horizon=5, batch_size=1, mask=np.arange(20) >= 5)
    model = rb.Sequential(
        rb.GRU(F, 4, dtype="float64", rng=0), rb.Dense(4, F, dtype="float64", rng=1)
    )
    history = rb.fit(model, data, MSE, epochs=1, metrics=["mse", "mae"])
    assert np.isnan(history.metrics["mse"][0])
    np.testing.assert_allclose(history.metrics["mse"][1:], history.losses[1:], rtol=1e-12)


def test_a_skipped_batch_has_no_metrics() -> None:
    bad = [(np.full((T, 2, F), value), np.zeros((T, 2), int)) for value in (0.5, np.nan)]
    history = trainer(metrics=["accuracy"], on_nonfinite="skip").fit(bad, epochs=1)
    assert np.isnan(history.metrics["accuracy"]).tolist() == [False, True]


@pytest.mark.long
@pytest.mark.parametrize(
    ("loss", "metrics"), [(MSE, ["mse", "mae"]), (rb.losses.BinaryCrossEntropy(), ["accuracy"])]
)
def test_a_budget_holds_with_metrics(loss: rb.losses.Loss, metrics: list[str]) -> None:
    x, target = np.zeros((400, 64, 16), np.float32), np.zeros((400, 64, 256), np.float32)
    model = rb.Sequential(rb.LSTM(16, 32), rb.Dense(32, 256))
    optimizer = rb.optim.SGD(model, learning_rate=0.01)
    one = rb.Trainer(model, optimizer, loss, checkpoint="8 MB", metrics=metrics)
    one.fit([(x, target)], steps=1)
    with rb.memory.measure() as used:
        one.fit([(x, target)], steps=1)
    assert used.peak_bytes <= 8 * 10**6


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_trainers_with_metrics_are_copied(copied: Any) -> None:
    one = trainer(metrics=["accuracy"], validation=HELD_OUT)
    one.fit(DATA, steps=2)
    assert copied(one).fit(DATA, steps=1).metrics == one.fit(DATA, steps=1).metrics


@pytest.mark.parametrize("name", ["loss", "step", "validation"])
def test_names_of_the_lines_own_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"a metric cannot be called '{name}'"):
        trainer(metrics={name: "accuracy"})
