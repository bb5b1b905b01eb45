"""What Keras and others have in a history: the error says where it is here."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

X = np.ones((4, 5, 1), "float32")
LOSS = rb.losses.MeanSquaredError()


def trained() -> rb.History:
    data = rb.Sequences(X, X, batch_size=2)
    return rb.fit(rb.Dense(1, 1), data, LOSS, epochs=1, metrics=["mae"])


ATTRIBUTES = {
    "stats": r"of one batch rnnbp.bptt\(model, x, target, loss\).stats has the bytes; of all of fit "
    r"'with rnnbp.memory.measure\(\) as used:' around it",
    "peak_bytes": "of one batch rnnbp.bptt",
    "learning_rates": r"event.metrics\['lr'\].* the lines of metrics.jsonl have it",
    "lr": r"event.metrics\['lr'\]",
    "grad_norm": r"event.metrics\['grad_norm'\]",
    "val_loss": "history.validation_losses is the list",
}


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_an_attribute_that_is_elsewhere(name: str) -> None:
    with pytest.raises(AttributeError, match=ATTRIBUTES[name]):
        getattr(trained(), name)


ITEMS: dict[Any, str] = {
    "loss": r"History: no \['loss'\]; history.losses is the list of each step",
    "val_loss": r"no \['val_loss'\]; history.validation_losses is the list",
    "accuracy": r"history.metrics\['accuracy'\] and \['validation_accuracy'\] are lists",
    "mae": "history.metrics",
    "of mine": "losses, validation_losses and metrics, a dict of lists, are attributes",
    0: r"History: no \[0\]; losses, validation_losses and metrics",
}


@pytest.mark.parametrize("name", ITEMS)
def test_an_item_that_is_an_attribute(name: Any) -> None:
    with pytest.raises(TypeError, match=ITEMS[name]):
        trained()[name]


def test_figures_of_validation_have_the_name_of_monitor_too() -> None:
    data, names = rb.Sequences(X, X, batch_size=2), ("val_loss", "val_mae", "learning_rate")
    seen: list[list[Any]] = []
    some: dict[str, Any] = {"metrics": ["mae"], "monitor": "val_mae"}
    some["callbacks"] = [
        lambda event: (
            event.kind == "validation" and seen.append([event.metrics[name] for name in names])
        )
    ]
    history = rb.fit(rb.Dense(1, 1), data, LOSS, "sgd", epochs=2, validation=data, **some)
    assert history.metrics["val_mae"] == history.metrics["validation_mae"]
    assert list(history.metrics) == ["mae", "validation_mae"]
    losses = [value for value, _, _ in seen]
    assert losses == history.validation_losses
    assert [value for _, value, _ in seen] == history.metrics["val_mae"]


METRICS: dict[Any, str] = {
    "val_mae": r"no 'val_mae' \(did you mean 'mae'\?\); there are 'mae'",
    "val_loss": "no 'val_loss'; history.validation_losses is the list",
    "loss": "no 'loss'; history.losses is the list of each step",
    "accuracy": "no 'accuracy'; there are 'mae'",
    0: "no 0; there are 'mae'",
}


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_that_is_not_there_says_the_names(name: Any) -> None:
    with pytest.raises(KeyError, match=METRICS[name]):
        trained().metrics[name]


def test_metrics_stay_a_dict() -> None:
    found = trained().metrics
    assert dict(found) == found == pickle.loads(pickle.dumps(found))
    assert "val_mae" not in found
    assert found.get("val_mae") is None
    assert repr(found).startswith("{'mae': [")


def test_the_hints_are_right() -> None:
    rates: list[float] = []
    data = rb.Sequences(X, X, batch_size=2)
    rb.fit(
        rb.Dense(1, 1),
        data,
        LOSS,
        epochs=1,
        learning_rate=lambda step: 0.1 / (1 + step),
        callbacks=[lambda event: event.kind == "step" and rates.append(event.metrics["lr"])],
    )
    assert rates == [0.1, 0.05]
    with rb.memory.measure() as used:
        history = trained()
    assert used.peak_bytes > 0
    assert len(history.metrics["mae"]) == 2
