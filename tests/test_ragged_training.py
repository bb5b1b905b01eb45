"""Training on sequences of several lengths: exact resume, data that differ, validation, budgets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import assert_same_arrays
from tests.ragged import LENGTHS, MSE, TARGETS, N, X, labels, net, padded

STEPS = 6


def lists(**options: Any) -> rb.Sequences:
    return rb.Sequences(**({"x": X, "target": TARGETS, "batch_size": 3, "seed": 2} | options))


def trainer(folder: Path | None = None, **options: Any) -> rb.Trainer:
    model = net()
    given = {"folder": folder, "metrics": ["mae"], "validation": lists(shuffle=False)} | options
    return rb.Trainer(model, rb.optim.Adam(model, 0.01), MSE, **given)


@pytest.mark.quick
@pytest.mark.parametrize(
    "stop", [pytest.param(1, marks=pytest.mark.long), 4, pytest.param(6, marks=pytest.mark.long)]
)
def test_a_run_goes_on_with_the_same_bits(tmp_path: Path, stop: int) -> None:
    whole = trainer()
    expected = whole.fit(lists(), steps=STEPS)
    trainer(tmp_path).fit(lists(), steps=stop)
    again = trainer(tmp_path).resume()
    assert again.fit(lists(), until_steps=STEPS).losses == expected.losses
    assert_same_arrays(again.model.params.values(), whole.model.params.values())


OTHER: dict[str, tuple[dict[str, Any], str]] = {
    "a value": ({"x": [X[0] + 1, *X[1:]]}, "x has other values"),
    "a length": (
        {"x": [X[0][:4], *X[1:]], "target": [TARGETS[0][:4], *TARGETS[1:]]},
        "lengths has other values",
    ),
    "the order": ({"by_length": False}, "by_length was True, is False"),
    "the size": ({"batch_size": 4}, "batch_size was 3, is 4"),
}


@pytest.mark.parametrize("case", OTHER)
def test_other_data_are_refused_by_name(tmp_path: Path, case: str) -> None:
    options, message = OTHER[case]
    trainer(tmp_path).fit(lists(), steps=2)
    with pytest.raises(ValueError, match=f"began on other data: .*{message}"):
        trainer(tmp_path).resume().fit(lists(**options), until_steps=4)


@pytest.mark.long
def test_lengths_of_batches_are_compared(tmp_path: Path) -> None:
    def items(lengths: np.ndarray) -> rb.Batches:
        return rb.Batches([(padded(X, 0.0), padded(TARGETS, 0.0), lengths)], batch_first=True)

    trainer(tmp_path).fit(items(LENGTHS), steps=2)
    with pytest.raises(ValueError, match="batch 0 of epoch 0 differs"):
        trainer(tmp_path).resume().fit(items(LENGTHS.clip(2)), until_steps=4)


def test_a_validation_counts_every_step_once() -> None:
    history = trainer().fit(lists(), epochs=1)
    model = net()
    rb.fit(model, lists(), MSE, rb.optim.Adam(model, 0.01), epochs=1)
    alone = [rb.evaluate(model, x[:, None], t[:, None], MSE)[0] for x, t in zip(X, TARGETS, strict=True)]  # fmt: skip
    expected = np.average(alone, weights=LENGTHS)
    np.testing.assert_allclose(history.validation_losses, [expected], rtol=1e-12)
    y = [rb.predict(model, x[:, None])[0][:, 0] for x in X]
    mae = np.abs(np.concatenate(y) - np.concatenate(TARGETS)).mean()
    np.testing.assert_allclose(history.metrics["val_mae"], [mae], rtol=1e-12)


def test_a_budget_is_held_against_the_longest_sequences() -> None:
    x = [np.ones((n, 3), "float32") for n in [5] * 20 + [900]]
    model = rb.Sequential(rb.LSTM(3, 4, rng=0), rb.Dense(4, 1, rng=1))
    data = rb.Sequences(x, np.ones((21, 1)), last=True, batch_size=4)
    with pytest.raises(rb.BudgetError) as caught:
        rb.fit(model, data, MSE, "adam", epochs=1, checkpoint="40 kB")
    assert "for a batch of the longest sequences; no step was made" in caught.value.__notes__
    assert rb.fit(model, data, MSE, "adam", epochs=1, checkpoint=caught.value.least).steps == 6


def test_a_batch_of_lengths_says_where_sequences_end() -> None:
    item = padded(X, np.nan), padded(TARGETS, np.nan), LENGTHS
    data = rb.Batches([item], batch_first=True)
    assert_same_arrays([data.batch(0, 0).lengths], [LENGTHS])
    expected = rb.evaluate(net(), lists(), MSE)["loss"]
    np.testing.assert_allclose(rb.evaluate(net(), data, MSE)["loss"], expected, rtol=1e-12)


@pytest.mark.long
def test_a_classifier_of_sequences_learns() -> None:
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(n, 3)) + k % 2 for k, n in enumerate(rng.integers(3, 12, 40))]
    model, classes = net(2), np.arange(40) % 2
    data = rb.Sequences(x, classes, last=True, batch_size=8)
    loss = rb.losses.CrossEntropy()
    rb.fit(model, data, loss, "adam", learning_rate=0.03, epochs=8)
    assert rb.evaluate(model, data, loss, metrics=["accuracy"])["accuracy"] > 0.9


def test_a_repr_says_how_long_they_are() -> None:
    text = repr(lists(target=labels(), last=True))
    assert text.startswith(f"Sequences: {N} sequences of 1 to 9 steps, a target for the last step")
