"""X as a user passes it: a table, an array with an axis of time, or a list of series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from rnnbp.estimators.items import Numbers, item_of
from rnnbp.estimators.text_columns import names_of
from rnnbp.estimators.x_checks import AXES, KINDS, check_finite, count_axes, is_list
from rnnbp.numerics import Array
from rnnbp.train.sequence_lists import check_columns


@dataclass(frozen=True)
class Given:
    """Series of numbers.

    Attributes:
        x: (n, T, features), or a list of (T_k, features).
        columns: what an estimator calls ``n_features_in_``: the columns of a table (n, T), else the
            features.
        is_table: True if X was (n, T).
        names: of columns or features, or None.
    """

    x: Array | list[Array]
    columns: int
    is_table: bool
    names: Sequence[str] | None = None

    @property
    def features(self) -> int:
        """Numbers at each step."""
        return 1 if self.is_table else self.columns

    def rows(self, chosen: Array) -> list[Array]:
        """Some of the series, which are not copied."""
        return [self.x[row] for row in chosen]


def read(estimator: BaseEstimator, X: object, *, dtype: Numbers, reset: bool) -> Given:
    """X as series; with ``reset`` the estimator remembers its features, else they are compared.

    Raises ValueError or TypeError for what an estimator cannot take.
    """
    name = type(estimator).__name__
    if is_list(X):
        found = _list(name, X, dtype)
    elif (axes := count_axes(f"{name}: X", X)) >= AXES:
        found = _array(name, X, axes, dtype)
    else:
        return _table(estimator, X, dtype, reset=reset)
    if reset:
        estimator._fitted_on_table, estimator.n_features_in_ = False, found.columns
        remember_names(estimator, found.names)
    else:
        _compare(estimator, found)
    return found


def remember_names(estimator: BaseEstimator, names: Sequence[str] | None) -> None:
    """Set ``feature_names_in_``, or delete it where there are no names."""
    vars(estimator).pop("feature_names_in_", None)
    if names is not None:
        estimator.feature_names_in_ = np.array(names, object)


def _table(estimator: BaseEstimator, X: object, dtype: Numbers, *, reset: bool) -> Given:
    name = type(estimator).__name__
    x = validate_data(estimator, X, reset=reset, dtype=dtype, ensure_all_finite=False)
    check_finite(f"{name}: X", x, ("row", "column"))
    if reset:
        estimator._fitted_on_table = True
    elif not estimator._fitted_on_table:
        raise ValueError(
            f"{name}: X is a table {x.shape}, and it was fitted on series of "
            f"{estimator.n_features_in_} features; {KINDS}"
        )
    return Given(x[..., None], x.shape[1], True, names_of(X))


def _array(name: str, X: object, axes: int, dtype: Numbers) -> Given:
    how = {"dtype": dtype, "ensure_all_finite": False, "input_name": "X"}
    x = check_array(X, allow_nd=True, estimator=name, **how)
    if axes > AXES or 0 in x.shape:
        raise ValueError(f"{name}: X has shape {x.shape}; {KINDS}, and no axis has size 0")
    check_finite(f"{name}: X", x, ("series", "step", "feature"))
    return Given(x, x.shape[2], False)


def _list(name: str, X: Sequence[object], dtype: Numbers) -> Given:
    check_columns(f"{name}: X", list(X))
    items = [item_of(f"{name}: X[{k}]", item, dtype) for k, item in enumerate(X)]
    for k, item in enumerate(items):
        if item.shape[1] != items[0].shape[1]:
            raise ValueError(
                f"{name}: X[{k}] has {item.shape[1]} features, X[0] {items[0].shape[1]}; series "
                "may differ in their numbers of steps, axis 0, alone"
            )
    return Given(items, items[0].shape[1], False, names_of(X[0]))


def _compare(estimator: BaseEstimator, found: Given) -> None:
    """Raise ValueError unless these have the features of those that it was fitted on."""
    name, expected = type(estimator).__name__, estimator.n_features_in_
    if estimator._fitted_on_table:
        raise ValueError(
            f"{name}: X has an axis of features, and it was fitted on a table of {expected} "
            f"columns; fit on X[..., None] for series of one feature and of any length"
        )
    if found.columns != expected:
        raise ValueError(
            f"X has {found.columns} features, but {name} is expecting {expected} features as input"
        )
    known = getattr(estimator, "feature_names_in_", None)
    if known is not None and found.names is not None and list(known) != list(found.names):
        raise ValueError(
            f"{name}: the tables have the columns {list(found.names)}, and it was fitted on "
            f"{list(known)}; give the same in the same order"
        )
