"""Penalties in training: what is minimised, the history, validation, accumulation, resuming."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import assert_same_named, reals

MSE = rb.losses.MeanSquaredError()
N = 4
X, TARGET = reals(8, 6, N), reals(8, 6, N, seed=1)
DATA = rb.Sequences(X, TARGET, batch_size=2, seed=3)


def model() -> rb.Sequential:
    rnn = rb.RNN(N, N, rng=0, dtype="float64")
    return rb.Sequential(rnn, rb.Penalty(l2=0.4, name="rates"), rb.Dropout(0.2))


LOSS = MSE + rb.losses.L2(0.3, "*weight*")


def trained(network: Any, loss: Any = LOSS, **options: Any) -> rb.History:
    given = {"learning_rate": 0.05, "epochs": 2, **options}
    return rb.fit(network, DATA, loss, "sgd", **given)


def test_updates_go_down_the_gradient_of_the_whole() -> None:
    network, other = model(), model()
    history = trained(network, steps=1, epochs=None, seed=5)
    batch = DATA.batch(0, 0)
    found = rb.bptt(other, batch.x, batch.target, LOSS, seed=rb.rng.fold(5, 0))
    assert history.losses == [found.loss]
    assert history.metrics["penalty"] == [sum(found.penalties.values())]
    for path, w in other.params.items():
        np.testing.assert_array_equal(network.params[path], w - 0.05 * found.grads[path])


def test_weight_decay_is_the_same_step_past_the_loss() -> None:
    network, other = rb.RNN(N, N, rng=0, dtype="float64"), rb.RNN(N, N, rng=0, dtype="float64")
    with_term, decayed = (
        trained(network, MSE + rb.losses.L2(0.1)),
        trained(other, MSE, weight_decay=0.2),
    )
    for path, w in other.params.items():
        np.testing.assert_allclose(network.params[path], w, rtol=0, atol=1e-14)
    assert "penalty" not in decayed.metrics
    assert all(a > b for a, b in zip(with_term.losses, decayed.losses, strict=True))


def test_the_history_has_a_column_and_validation_the_data_alone(tmp_path: Path) -> None:
    network = model()
    history = trained(network, validation=DATA, validate_every=4, folder=tmp_path, metrics=["mse"])
    assert list(history.metrics) == ["mse", "penalty", "validation_mse"]
    assert len(history.metrics["penalty"]) == history.steps == 8
    of_data = np.array(history.losses) - history.metrics["penalty"]
    np.testing.assert_allclose(of_data, history.metrics["mse"], rtol=1e-12)
    assert history.validation_losses[-1] == rb.evaluate(network, DATA, MSE)["loss"]
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["penalty"] for line in lines] == history.metrics["penalty"]


def test_a_metric_cannot_have_its_name() -> None:
    with pytest.raises(ValueError, match="cannot be called 'penalty'"):
        trained(model(), metrics={"penalty": "mse"})


def test_several_batches_of_an_update_count_by_their_weights() -> None:
    network, other = (rb.RNN(N, N, rng=0, dtype="float64") for _ in range(2))
    whole = rb.Sequences(X, TARGET, batch_size=4, shuffle=False)
    parts = rb.Sequences(X, TARGET, batch_size=2, shuffle=False)
    options: dict[str, Any] = {"optimizer": "sgd", "learning_rate": 0.05, "epochs": 2}
    one = rb.fit(network, whole, LOSS, **options)
    two = rb.fit(other, parts, LOSS, accumulate=2, **options)
    np.testing.assert_allclose(two.losses, one.losses, rtol=1e-12)
    np.testing.assert_allclose(two.metrics["penalty"], one.metrics["penalty"], rtol=1e-12)


def test_batches_without_weight_and_skipped_ones_have_none() -> None:
    x, mask = X.copy(), np.ones(X.shape[:2], bool)
    mask[2:4], x[4:6] = False, np.inf
    data = rb.Sequences(x, TARGET, mask=mask, batch_size=2, shuffle=False)
    network = rb.RNN(N, N, rng=0, dtype="float64")
    history = rb.fit(network, data, LOSS, "sgd", epochs=1, on_nonfinite="skip")
    assert [math.isnan(v) for v in history.metrics["penalty"]] == [False, True, True, False]


def test_a_resumed_run_has_the_same_bits(tmp_path: Path) -> None:
    network, whole = model(), model()
    expected = trained(whole, seed=1, epochs=3)
    trained(network, seed=1, epochs=1, folder=tmp_path)
    again = model()
    found = trained(again, seed=1, epochs=3, folder=tmp_path, resume=True)
    assert_same_named(again.params, whole.params)
    assert (found.losses, found.metrics["penalty"]) == (
        expected.losses,
        expected.metrics["penalty"],
    )


OTHERS: dict[str, tuple[Any, Any]] = {
    "factor": (model, MSE + rb.losses.L2(0.2, "*weight*")),
    "pattern": (model, MSE + rb.losses.L2(0.3, "*weight_hh")),
    "none": (model, MSE),
    "layer": (
        lambda: rb.Sequential(model()[0], rb.Penalty(l2=0.5, name="rates"), rb.Dropout(0.2)),
        LOSS,
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_resuming_with_another_penalty_is_refused(name: str, tmp_path: Path) -> None:
    trained(model(), seed=1, epochs=1, folder=tmp_path)
    build, loss = OTHERS[name]
    with pytest.raises(ValueError, match="the run was set up otherwise"):
        trained(build(), loss, seed=1, folder=tmp_path, resume=True)


def test_within_a_budget() -> None:
    history = trained(model(), checkpoint="2 MB")
    assert history.losses == pytest.approx(trained(model()).losses, rel=1e-12)
