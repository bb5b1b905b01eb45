"""Estimators and numbers at the borders: targets of any size, weights of 0, sizes of NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from rnnbp.estimators import (
    Forecaster,
    RecurrentClassifier,
    RecurrentRegressor,
    SequenceScaler,
)

RNG = np.random.default_rng(4)
X, Y = RNG.normal(size=(12, 5, 2)), RNG.normal(size=12)
SERIES = np.sin(np.arange(40) / 3)
SMALL: dict[str, Any] = {"cell": "rnn", "units": 3, "epochs": 1, "random_state": 0}
SIZES = [2.0**1000, 2.0**-1000]
"""Their squares are infinite, or 0."""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("weight", [None, np.arange(12.0)], ids=["even", "weighted"])
def test_a_regression_follows_the_unit_of_its_target(size: float, weight: Any) -> None:
    plain = RecurrentRegressor(**SMALL).fit(X, Y, sample_weight=weight).predict(X)
    found = RecurrentRegressor(**SMALL).fit(X, Y * size, sample_weight=weight).predict(X)
    assert np.array_equal(found, plain * size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("center", [True, False])
def test_a_forecast_follows_the_unit_of_its_series(size: float, center: bool) -> None:
    how = {**SMALL, "window": 6, "horizon": 2, "center": center}
    plain = np.asarray(Forecaster(**how).fit(None, SERIES).predict())
    assert np.array_equal(Forecaster(**how).fit(None, SERIES * size).predict(), plain * size)


@pytest.mark.parametrize("size", SIZES)
def test_a_scaler_follows_the_unit_of_its_features(size: float) -> None:
    scaler, plain = SequenceScaler().fit(X * size), SequenceScaler().fit(X)
    assert np.array_equal(scaler.scale_, plain.scale_ * size)
    assert np.array_equal(scaler.transform(X * size), plain.transform(X))


@pytest.mark.parametrize("kind", [RecurrentClassifier, RecurrentRegressor])
def test_batches_without_weight_have_no_part_in_the_losses(kind: Any) -> None:
    weight = np.repeat([0.0, 1.0], 6)
    estimator = kind(**SMALL, batch_size=1).fit(X, np.repeat([0, 1], 6), sample_weight=weight)
    (loss,) = estimator.loss_curve_
    losses = np.array(estimator.history_.losses)
    known = losses[~np.isnan(losses)]
    assert len(known) == 6
    assert loss == known.mean()


@pytest.mark.parametrize("held", [0.25, 0.75])
def test_a_part_of_early_stopping_without_weight_is_refused(held: float) -> None:
    """The one series that weighs something is in the larger part, and nothing in the smaller."""
    how = {**SMALL, "early_stopping": True, "validation_fraction": held, "random_state": 1}
    text = "RecurrentRegressor: all series that are held back for early stopping, or all others"
    with pytest.raises(ValueError, match=text):
        RecurrentRegressor(**how).fit(X, Y, sample_weight=np.eye(12)[5])


def test_sizes_of_numpy_as_a_search_has_them() -> None:
    how = {**SMALL, "cell": "lstm", "units": np.int64(3), "layers": np.int32(2)}
    assert RecurrentRegressor(**how).fit(X, Y).predict(X).shape == (12,)
