"""Long series that a Forecaster reads: numbers to forecast, and what is known of each step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import validate_data

from rnnbp.estimators.given import check_finite, is_list, item_of
from rnnbp.estimators.targets import check_there
from rnnbp.estimators.text_columns import check_numbers, is_table
from rnnbp.numerics import Array

ROW = ("step", "column")


@dataclass(frozen=True)
class TimeSeries:
    """One series of T steps.

    Attributes:
        y: (T, targets), float64.
        x: (T, covariates), of the estimator's dtype; none are (T, 0).
    """

    y: Array
    x: Array


@dataclass(frozen=True)
class Read:
    """Series as they were passed: one or a list, each (T,) or (T, targets)."""

    series: list[TimeSeries]
    one_series: bool
    one_target: bool


def read_series(estimator: BaseEstimator, X: object, y: object, *, reset: bool) -> Read:  # noqa: N803
    """Series and covariates of the same steps; with ``reset`` the estimator remembers the latter.

    Raises ValueError for what a Forecaster cannot take.
    """
    check_there(estimator, y if X is None and y is not None else X, y)
    name = type(estimator).__name__
    if not is_list(y):
        how = {"ensure_2d": False, "ensure_all_finite": False, "input_name": "y"}
        numbers = check_array(y, dtype=np.float64, estimator=estimator, **how)
        check_finite(f"{name}: Input y", numbers, ROW)
        columns = numbers.reshape(len(numbers), -1)
        known = covariates(estimator, X, len(columns), reset=reset)
        return Read([TimeSeries(columns, known)], True, numbers.ndim == 1)
    several = [item_of(f"{name}: y[{k}]", each, "float64") for k, each in enumerate(y)]
    steps = [len(each) for each in several]
    known_of = covariates_of_several(estimator, X, steps, reset=reset)
    for k, each in enumerate(several):
        if each.shape[1] != several[0].shape[1]:
            raise ValueError(
                f"{name}: y[{k}] has {each.shape[1]} targets, y[0] {several[0].shape[1]}; fit one "
                "Forecaster for each kind of series"
            )
    pairs = zip(several, known_of, strict=True)
    return Read([TimeSeries(*pair) for pair in pairs], False, np.ndim(y[0]) == 1)


def covariates(estimator: BaseEstimator, X: object, steps: int, *, reset: bool) -> Array:  # noqa: N803
    """(steps, covariates) of one series."""
    dtype = estimator.dtype
    if X is None:
        return _none(estimator, [steps], reset=reset)[0]
    name = type(estimator).__name__
    if is_table(X):
        check_numbers(f"{name}: X", X)
    if not reset and not estimator.n_features_in_:
        raise ValueError(f"{name}: it was fitted without covariates; leave out X, give steps=")
    found: Array = validate_data(
        estimator, X, reset=reset, dtype=dtype, ensure_all_finite=False
    )
    check_finite(f"{name}: X", found, ROW)
    return found


def covariates_of_several(
    estimator: BaseEstimator,
    X: object,  # noqa: N803
    steps: list[int],
    *,
    reset: bool,
) -> list[Array]:
    """(steps, covariates) of each of a list of series."""
    name = type(estimator).__name__
    if X is None:
        return _none(estimator, steps, reset=reset)
    if not is_list(X) or len(X) != len(steps):
        raise ValueError(
            f"{name}: y is a list of {len(steps)} series; give X as a list of as many tables "
            "(T_k, covariates)"
        )
    found = [item_of(f"{name}: X[{k}]", each, estimator.dtype) for k, each in enumerate(X)]
    columns = found[0].shape[1] if reset else estimator.n_features_in_
    for k, (each, n) in enumerate(zip(found, steps, strict=True)):
        check_consistent_length(each, range(n))
        if each.shape[1] != columns:
            raise ValueError(
                f"{name}: X[{k}] has {each.shape[1]} features, but {columns} are expected; each "
                "series has the same covariates"
            )
    if reset:
        estimator.n_features_in_ = columns
        vars(estimator).pop("feature_names_in_", None)
    return found


def _none(estimator: BaseEstimator, steps: list[int], *, reset: bool) -> list[Array]:
    """No covariates (steps, 0) of each series."""
    if reset:
        estimator.n_features_in_ = 0
        vars(estimator).pop("feature_names_in_", None)
    elif estimator.n_features_in_:
        raise ValueError(
            f"{type(estimator).__name__}: it was fitted with {estimator.n_features_in_} covariates "
            "that are known in advance; give those of these steps as X"
        )
    return [np.zeros((n, 0), estimator.dtype) for n in steps]
