"""scikit-learn's own checks of estimators."""

from __future__ import annotations

from collections.abc import Callable

import pytest

pytest.importorskip("sklearn")

from sklearn.base import BaseEstimator
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from rnnbp.estimators import Forecaster, RecurrentClassifier, RecurrentRegressor, SequenceScaler

SMALL = {"units": 8, "learning_rate": 0.05, "random_state": 0}
EXACT = {**SMALL, "dtype": "float64"}
"""The checks compare to 1e-7, which float32 rounds to."""
IN_TIME = (
    "rows are steps that follow on what was fitted: one that comes later, or after others, has "
    "another forecast"
)
EXPECTED = {
    Forecaster: {
        "check_methods_sample_order_invariance": IN_TIME,
        "check_methods_subset_invariance": IN_TIME,
    }
}
"""Checks that an estimator cannot pass, and why."""
ROUNDED = {
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_sample_weight_equivalence_on_dense_data",
}
"""Those that compare sums of float32 that were added in a different order."""


def expected(estimator: BaseEstimator) -> dict[str, str]:
    return EXPECTED.get(type(estimator), {})


def classifier(**options: object) -> RecurrentClassifier:
    return RecurrentClassifier(epochs=6, batch_size=64, **options)


def regressor(**options: object) -> RecurrentRegressor:
    return RecurrentRegressor(epochs=20, pooling="last", **options)


def forecaster(**options: object) -> Forecaster:
    return Forecaster(epochs=6, window=3, horizon=2, center=False, **options)


@parametrize_with_checks([classifier(**EXACT), SequenceScaler()])
def test_the_classifier_is_an_estimator_of_scikit_learn(
    estimator: BaseEstimator, check: Callable[[BaseEstimator], None]
) -> None:
    check(estimator)


@pytest.mark.long
@parametrize_with_checks([regressor(**EXACT), forecaster(**EXACT)], expected_failed_checks=expected)
def test_those_of_numbers_are_estimators_of_scikit_learn(
    estimator: BaseEstimator, check: Callable[[BaseEstimator], None]
) -> None:
    check(estimator)


@pytest.mark.long
@pytest.mark.grid
@pytest.mark.parametrize("build", [classifier, regressor, forecaster])
def test_in_float32_nothing_but_rounding_fails(build: Callable[..., BaseEstimator]) -> None:
    found = check_estimator(build(**SMALL), on_skip=None, on_fail=None)
    failed = {each["check_name"] for each in found if each["status"] == "failed"}
    assert failed <= ROUNDED
    assert len(found) > 50
