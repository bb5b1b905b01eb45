"""X as a user passes it: a table, an array with an axis of time, or a list of series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeGuard

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from rnnbp.estimators.text_columns import check_numbers, is_table, names_of
from rnnbp.numerics import Array
from rnnbp.train.sequence_lists import check_columns

Numbers: TypeAlias = str | Sequence[type[np.floating]]
"""A dtype, or several, of which the first is for what has none of them."""
KINDS = (
    "X is (n, T) for series of one feature, (n, T, features), or a list of arrays or tables "
    "(T_k, features)"
)


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

    def rows(self, chosen: Array) -> Array | list[Array]:
        """Some of the series."""
        if isinstance(self.x, list):
            return [self.x[row] for row in chosen]
        return self.x[chosen]


def read(estimator: BaseEstimator, X: object, *, dtype: Numbers, reset: bool) -> Given:  # noqa: N803
    """X as series; with ``reset`` the estimator remembers its features, else they are compared.

    Raises ValueError for what an estimator cannot take.
    """
    name = type(estimator).__name__
    if is_list(X):
        found = _list(name, X, dtype)
    elif not is_table(X) and not hasattr(X, "toarray") and np.ndim(_plain(X)) == 3:  # noqa: PLR2004
        found = _array(name, X, dtype)
    else:
        return _table(estimator, X, dtype, reset=reset)
    if reset:
        _remember(estimator, found)
    else:
        _compare(estimator, found)
    return found


def is_list(given: object) -> TypeGuard[Sequence[object]]:
    """True for a list, or an array of objects, whose items are arrays or tables."""
    if isinstance(given, np.ndarray):
        if given.dtype.kind != "O" or given.ndim != 1:
            return False
    elif not isinstance(given, list | tuple):
        return False
    return len(given) > 0 and all(len(getattr(item, "shape", ())) > 0 for item in given)


def check_finite(what: str, array: Array, axes: Sequence[str]) -> None:
    """Raise ValueError that says where a value is NaN or infinite."""
    if not np.isfinite(array).all():
        at = np.argwhere(~np.isfinite(array))[0]
        place = ", ".join(f"{axis} {k}" for axis, k in zip(axes, at, strict=False))
        kind = "NaN" if np.isnan(array[tuple(at)]) else "inf, infinity"
        raise ValueError(
            f"{what} contains {kind} at {place}; fill the gaps first, as by "
            "sklearn.impute.SimpleImputer or DataFrame.interpolate(), or leave the series out"
        )


def _plain(given: object) -> object:
    """An object that can become an array as one."""
    return np.asarray(given) if hasattr(given, "__array__") else given


def _table(estimator: BaseEstimator, X: object, dtype: Numbers, *, reset: bool) -> Given:  # noqa: N803
    name = type(estimator).__name__
    if is_table(X):
        check_numbers(f"{name}: X", X)
    how = {"dtype": dtype, "ensure_all_finite": False}
    x = validate_data(estimator, X, reset=reset, **how)
    check_finite(f"{name}: X", x, ("row", "column"))
    if reset:
        estimator._fitted_on_table = True
    elif not estimator._fitted_on_table:
        raise ValueError(
            f"{name}: X is a table {x.shape}, and it was fitted on series of "
            f"{estimator.n_features_in_} features; {KINDS}"
        )
    return Given(x[..., None], x.shape[1], True, names_of(X))


def _array(name: str, X: object, dtype: Numbers) -> Given:  # noqa: N803
    how = {"dtype": dtype, "ensure_all_finite": False}
    x = check_array(X, allow_nd=True, input_name="X", estimator=name, **how)
    if 0 in x.shape:
        raise ValueError(f"{name}: X has shape {x.shape}, where an axis has size 0; {KINDS}")
    check_finite(f"{name}: X", x, ("series", "step", "feature"))
    return Given(x, x.shape[2], False)


def _list(name: str, X: Sequence[object], dtype: Numbers) -> Given:  # noqa: N803
    check_columns(f"{name}: X", list(X))
    items = [item_of(f"{name}: X[{k}]", item, dtype) for k, item in enumerate(X)]
    for k, item in enumerate(items):
        if item.shape[1] != items[0].shape[1]:
            raise ValueError(
                f"{name}: X[{k}] has {item.shape[1]} features, X[0] {items[0].shape[1]}; series "
                "may differ in their numbers of steps, axis 0, alone"
            )
    return Given(items, items[0].shape[1], False, names_of(X[0]))


def item_of(what: str, item: object, dtype: Numbers) -> Array:
    """A series (T, features), of one feature (T,) too. Raises ValueError for anything else."""
    if is_table(item):
        check_numbers(what, item)
    how = {"dtype": dtype, "ensure_all_finite": False, "input_name": what}
    found: Array = check_array(item, ensure_2d=False, allow_nd=True, **how)
    if found.ndim not in (1, 2) or 0 in found.shape:
        raise ValueError(f"{what} has shape {found.shape}; a series is (T, features) or (T,)")
    check_finite(what, found, ("step", "feature"))
    return found if found.ndim == 2 else found[:, None]  # noqa: PLR2004


def _remember(estimator: BaseEstimator, found: Given) -> None:
    estimator._fitted_on_table, estimator.n_features_in_ = False, found.columns
    vars(estimator).pop("feature_names_in_", None)
    if found.names is not None:
        estimator.feature_names_in_ = np.array(found.names, object)


def _compare(estimator: BaseEstimator, found: Given) -> None:
    """Raise ValueError unless these have the features of those that it was fitted on."""
    name, expected = type(estimator).__name__, estimator.n_features_in_
    if estimator._fitted_on_table:
        raise ValueError(
            f"{name}: X has an axis of features, and it was fitted on a table of {expected} "
            f"columns; fit on X[..., None] for series of one feature and of any length; {KINDS}"
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
