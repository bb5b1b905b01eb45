"""Long series that a Forecaster reads: numbers to forecast, and what is known of each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_array, check_consistent_length

from rnnbp.estimators.covariates import covariates, covariates_of_several
from rnnbp.estimators.items import item_of
from rnnbp.estimators.targets import check_there
from rnnbp.estimators.x_checks import check_finite, count_axes, is_list
from rnnbp.numerics import Array

KINDS = "y is (T,) or (T, targets), or a list of arrays of these"


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

    @property
    def targets(self) -> int:
        """Numbers at each step."""
        return int(self.series[0].y.shape[1])


def read_series(estimator: BaseEstimator, X: object, y: object, *, reset: bool) -> Read:
    """Series and covariates of the same steps; with ``reset`` the estimator remembers the latter.

    Raises ValueError or TypeError for what a Forecaster cannot take.
    """
    check_there(estimator, y)
    name = type(estimator).__name__
    if is_list(y):
        return _several(estimator, X, y, reset=reset)
    count_axes(f"{name}: y", y, KINDS)
    how = {"ensure_2d": False, "ensure_all_finite": False, "input_name": "y"}
    numbers = check_array(y, dtype=np.float64, estimator=estimator, **how)
    check_finite(f"{name}: Input y", numbers, ("step", "target"))
    columns = numbers.reshape(len(numbers), -1)
    known = covariates(estimator, X, len(columns), reset=reset)
    check_consistent_length(known, columns)
    return Read([TimeSeries(columns, known)], True, numbers.ndim == 1)


def _several(estimator: BaseEstimator, X: object, y: Sequence[object], *, reset: bool) -> Read:
    name = type(estimator).__name__
    columns = [item_of(f"{name}: y[{k}]", each, "float64") for k, each in enumerate(y)]
    known = covariates_of_several(estimator, X, [len(each) for each in columns], reset=reset)
    for k, (each, covariate) in enumerate(zip(columns, known, strict=True)):
        if each.shape[1] != columns[0].shape[1]:
            raise ValueError(
                f"{name}: y[{k}] has {each.shape[1]} targets, y[0] {columns[0].shape[1]}; fit one "
                f"{name} for each kind of series"
            )
        if len(covariate) != len(each):
            raise ValueError(
                f"{name}: X[{k}] has {len(covariate)} steps, y[{k}] {len(each)}; give what is "
                "known of each step of y"
            )
    pairs = zip(columns, known, strict=True)
    return Read([TimeSeries(*pair) for pair in pairs], False, np.asarray(y[0]).ndim == 1)
