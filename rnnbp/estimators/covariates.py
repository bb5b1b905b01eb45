"""What is known in advance of each step of a series."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from rnnbp.estimators.given import remember_names
from rnnbp.estimators.items import item_of
from rnnbp.estimators.text_columns import names_of
from rnnbp.estimators.x_checks import check_finite, count_axes, is_list
from rnnbp.numerics import Array

KINDS = "X is (T, covariates), what is known of each step, None, or of a list y a list of tables"


def covariates(estimator: BaseEstimator, X: object, steps: int, *, reset: bool) -> Array:
    """(T, covariates) of one series; without any (steps, 0)."""
    if X is None:
        return _none(estimator, [steps], reset=reset)[0]
    name = type(estimator).__name__
    _refuse_new(estimator, reset=reset)
    if is_list(X):
        raise ValueError(f"{name}: X is a list, and y one series; {KINDS}")
    count_axes(f"{name}: X", X, KINDS)
    how = {"dtype": estimator.dtype, "ensure_all_finite": False}
    found: Array = validate_data(estimator, X, reset=reset, **how)
    check_finite(f"{name}: X", found, ("step", "column"))
    return found


def covariates_of_several(
    estimator: BaseEstimator, X: object, steps: Sequence[int], *, reset: bool
) -> list[Array]:
    """(T_k, covariates) of each of several series; without any (steps[k], 0)."""
    name = type(estimator).__name__
    if X is None:
        return _none(estimator, steps, reset=reset)
    _refuse_new(estimator, reset=reset)
    if not is_list(X) or len(X) != len(steps):
        raise ValueError(
            f"{name}: there are {len(steps)} series; give X as a list of as many tables "
            "(T_k, covariates)"
        )
    found = [item_of(f"{name}: X[{k}]", each, estimator.dtype) for k, each in enumerate(X)]
    columns = found[0].shape[1] if reset else estimator.n_features_in_
    for k, each in enumerate(found):
        if each.shape[1] != columns:
            raise ValueError(
                f"{name}: X[{k}] has {each.shape[1]} features, but {columns} are expected; each "
                "series has the same covariates"
            )
    if reset:
        estimator.n_features_in_ = columns
        remember_names(estimator, names_of(X[0]))
    return found


def _refuse_new(estimator: BaseEstimator, *, reset: bool) -> None:
    """Raise ValueError for covariates of an estimator that was fitted without."""
    if not reset and not estimator.n_features_in_:
        raise ValueError(
            f"{type(estimator).__name__}: it was fitted without covariates; leave out X, and give "
            "steps="
        )


def _none(estimator: BaseEstimator, steps: Sequence[int], *, reset: bool) -> list[Array]:
    """No covariates (steps, 0) of each series."""
    if reset:
        estimator.n_features_in_ = 0
        remember_names(estimator, None)
    elif estimator.n_features_in_:
        raise ValueError(
            f"{type(estimator).__name__}: it was fitted with {estimator.n_features_in_} covariates "
            "that are known in advance; give those of these steps as X"
        )
    return [np.zeros((n, 0), estimator.dtype) for n in steps]
