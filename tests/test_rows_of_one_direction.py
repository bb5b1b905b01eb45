"""An LSTM of one input, whose rows end early: each way to say so equals rows that run alone."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.train import Batch

MSE = rb.losses.MeanSquaredError()
MODEL = rb.Sequential(rb.LSTM(3, 4, dtype="float64", rng=0), rb.Dense(4, 2, dtype="float64", rng=1))
T, ENDS = 9, np.array([9, 3, 1, 6])
RNG = np.random.default_rng(0)
X, TARGET = RNG.normal(size=(T, 4, 3)), RNG.normal(size=(T, 4, 2))
MASK = np.arange(T)[:, None] < ENDS
LISTS = [[a[:n, b] for b, n in enumerate(ENDS)] for a in (X, TARGET)]


def of_rows() -> tuple[float, dict[str, np.ndarray], list[np.ndarray]]:
    """(loss, gradients, y of each row) of rows that run alone."""
    loss, grads, ys = 0.0, dict.fromkeys(MODEL.params, np.zeros(())), []
    for b, n in enumerate(ENDS):
        x, target = X[:n, b : b + 1], TARGET[:n, b : b + 1]
        found, share = rb.bptt(MODEL, x, target, MSE), n / ENDS.sum()
        loss += share * found.loss
        grads = {key: g + share * found.grads[key] for key, g in grads.items()}
        ys.append(rb.predict(MODEL, x)[0][:, 0])
    return loss, grads, ys


LOSS, GRADS, YS = of_rows()
WAYS: dict[str, dict[str, Any]] = {
    "lengths": {"lengths": ENDS},
    "mask": {"mask": MASK},
    "both": {"lengths": ENDS, "mask": MASK},
}
READ = WAYS | {"both": WAYS["lengths"]}


@pytest.mark.parametrize("chunk", [None, 4])
@pytest.mark.parametrize("way", WAYS)
def test_bptt_predict_and_evaluate_agree(way: str, chunk: int | None) -> None:
    found = rb.bptt(MODEL, X, TARGET, MSE, chunk=chunk, **WAYS[way])
    assert found.loss == pytest.approx(LOSS, rel=1e-13)
    for key, g in GRADS.items():
        np.testing.assert_allclose(found.grads[key], g, rtol=1e-12, atol=1e-15, err_msg=key)
    told = rb.evaluate(MODEL, X, TARGET, MSE, chunk=chunk, **WAYS[way])[0]
    assert told == pytest.approx(LOSS, rel=1e-13)
    y = rb.predict(MODEL, X, chunk=chunk, **READ[way])[0]
    for b, own in enumerate(YS):
        np.testing.assert_allclose(y[: len(own), b], own, rtol=1e-13)


SOURCES: dict[str, Any] = {
    "lists": rb.Sequences(*LISTS, batch_size=4),
    "padded": rb.Sequences(X.swapaxes(0, 1), TARGET.swapaxes(0, 1), lengths=ENDS, batch_size=4),
    "an item of lengths": [(X, TARGET, ENDS)],
    "an item of a mask": [(X, TARGET, MASK)],
    "a Batch of lengths": [Batch(X, TARGET, lengths=ENDS)],
    "a Batch of a mask": [Batch(X, TARGET, MASK)],
    "a Batch of both": [Batch(X, TARGET, MASK, lengths=ENDS)],
}


@pytest.mark.parametrize("name", SOURCES)
def test_sources_agree(name: str) -> None:
    model = deepcopy(MODEL)
    assert rb.evaluate(model, SOURCES[name], MSE)["loss"] == pytest.approx(LOSS, rel=1e-13)
    sgd = rb.optim.SGD(model, 0.1)
    assert rb.fit(model, SOURCES[name], MSE, sgd, epochs=1).losses == pytest.approx(
        [LOSS], rel=1e-13
    )
    for key, p in model.params.items():
        expected = MODEL.params[key] - 0.1 * GRADS[key]
        np.testing.assert_allclose(p, expected, rtol=1e-12, atol=1e-15, err_msg=key)


def test_plan_and_forecast_are_of_the_rows_that_run() -> None:
    sizes: Any = {"steps": T, "batch": 4, "lengths": ENDS}
    plan = rb.plan(MODEL, MSE, budget="1 MB", **sizes)
    found = rb.bptt(MODEL, X, TARGET, MSE, lengths=ENDS, checkpoint=plan)
    assert found.loss == pytest.approx(LOSS, rel=1e-13)
    assert found.stats.peak_bytes == plan.peak_bytes
    told = rb.forecast(MODEL, MSE, checkpoint="sqrt", chunk=2, **sizes)
    found = rb.bptt(MODEL, X, TARGET, MSE, lengths=ENDS, checkpoint="sqrt", chunk=2)
    assert found.stats.peak_bytes == told.peak_bytes


def test_a_plan_of_lengths_is_one_for_fit() -> None:
    plan = rb.plan(MODEL, MSE, budget="1 MB", steps=T, batch=4, lengths=ENDS)
    for name in ("padded", "an item of lengths", "lists"):
        history = rb.fit(deepcopy(MODEL), SOURCES[name], MSE, epochs=1, checkpoint=plan)
        assert history.losses == pytest.approx([LOSS], rel=1e-13)
