"""Estimators and DataFrames of pandas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("pandas")
pytest.importorskip("sklearn")

import pandas as pd
from sklearn.model_selection import TimeSeriesSplit, cross_val_score

from rnnbp.estimators import Forecaster, RecurrentClassifier, RecurrentRegressor, SequenceScaler

SMALL: dict[str, Any] = {"units": 4, "epochs": 2, "random_state": 0}
NAMES = ["wind", "sun", "rain"]
RNG = np.random.default_rng(0)
X = [RNG.normal(size=(n, 3)) for n in RNG.integers(3, 9, 20)]
LABELS = pd.Series(["a", "b"] * 10, index=range(50, 70))


def tables(names: list[str]) -> list[Any]:
    return [pd.DataFrame(one, columns=names) for one in X]


def test_a_list_of_tables_is_one_of_series() -> None:
    fitted = RecurrentClassifier(**SMALL).fit(tables(NAMES), LABELS)
    expected = RecurrentClassifier(**SMALL).fit(X, LABELS.to_numpy())
    assert np.array_equal(fitted.predict_proba(tables(NAMES)), expected.predict_proba(X))
    assert fitted.feature_names_in_.tolist() == NAMES
    scaled = SequenceScaler().fit(tables(NAMES)).transform(tables(NAMES))
    np.testing.assert_allclose(scaled[3], SequenceScaler().fit_transform(X)[3])
    assert cross_val_score(fitted, tables(NAMES), LABELS, cv=2).shape == (2,)


def test_a_table_is_one_of_series_of_one_feature() -> None:
    table = pd.DataFrame(RNG.normal(size=(20, 4)), columns=list("abcd"), index=range(9, 29))
    fitted = RecurrentRegressor(**SMALL).fit(table, table["a"])
    expected = RecurrentRegressor(**SMALL).fit(table.to_numpy(), table["a"].to_numpy())
    assert np.array_equal(fitted.predict(table), expected.predict(table.to_numpy()))
    assert fitted.feature_names_in_.tolist() == list("abcd")
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(table[list("abdc")])


def test_a_forecaster_takes_a_table_of_what_is_known() -> None:
    index = pd.date_range("2020-01-01", periods=40, freq="D")
    known = pd.DataFrame(RNG.normal(size=(40, 2)), columns=["price", "holiday"], index=index)
    y = pd.Series(np.arange(40.0), index=index)
    options = {**SMALL, "window": 5, "horizon": 3}
    fitted = Forecaster(**options).fit(known[:30], y[:30])
    expected = Forecaster(**options).fit(known.to_numpy()[:30], y.to_numpy()[:30])
    assert np.array_equal(fitted.predict(known[30:]), expected.predict(known.to_numpy()[30:]))
    assert fitted.feature_names_in_.tolist() == ["price", "holiday"]
    assert cross_val_score(fitted, known, y, cv=TimeSeriesSplit(2, test_size=3)).shape == (2,)
    both = pd.DataFrame({"a": y, "b": -y})
    several = Forecaster(**options).fit([known, known], [both, both])
    assert [one.shape for one in several.predict([known[:4], known[:2]])] == [(4, 2), (2, 2)]


def test_tables_that_are_no_numbers_are_refused() -> None:
    columns = tables(NAMES)
    with pytest.raises(ValueError, match=r"X\[1\] has the columns .*'rain', 'sun'"):
        RecurrentClassifier(**SMALL).fit([columns[0], columns[1][NAMES[::-1]]], ["a", "b"])
    fitted = RecurrentClassifier(**SMALL).fit(columns, LABELS)
    with pytest.raises(
        ValueError, match=r"the columns \['rain', 'sun', 'wind'\], and it was fitted"
    ):
        fitted.predict([one[NAMES[::-1]] for one in columns])
    columns[4] = columns[4].assign(sun="much", rain=pd.Timestamp("2020-01-01"))
    with pytest.raises(
        ValueError, match=r"X\[4\]: the columns \['sun', 'rain'\] are not numbers; leave"
    ):
        fitted.fit(columns, LABELS)
    kinds = columns[0].assign(wind=pd.Categorical(["x"] * len(columns[0])))
    with pytest.raises(ValueError, match=r"X: the columns \['wind'\] are not numbers"):
        RecurrentClassifier(**SMALL).fit(kinds, range(len(kinds)))
    nested = pd.DataFrame({"wind": [pd.Series(one[:, 0]) for one in X]})
    with pytest.raises(ValueError, match="'wind' has a series in each cell; give an array"):
        RecurrentClassifier(**SMALL).fit(nested, LABELS)
    levels = pd.concat(dict(enumerate(tables(NAMES))))
    with pytest.raises(ValueError, match="index of several levels; give a list"):
        RecurrentClassifier(**SMALL).fit(levels, range(len(levels)))


def test_missing_values_of_pandas_are_refused() -> None:
    columns = tables(NAMES)
    columns[2] = columns[2].assign(sun=pd.array([1, None] + [3] * (len(columns[2]) - 2), "Int64"))
    with pytest.raises(ValueError, match=r"X\[2\] contains NaN at step 1, feature 1"):
        RecurrentClassifier(**SMALL).fit(columns, LABELS)
