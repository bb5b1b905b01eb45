"""What estimators refuse: errors that name the place, what was found, and the cure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

pytest.importorskip("sklearn")

from sklearn.exceptions import NotFittedError

import rnnbp as rb
from rnnbp.estimators import Forecaster, RecurrentClassifier, RecurrentRegressor, load

X, LABELS = np.random.default_rng(0).normal(size=(6, 4, 2)), [0, 1] * 3
Y, KNOWN = np.arange(20.0), np.ones((20, 3))


def classifier(**options: Any) -> RecurrentClassifier:
    return RecurrentClassifier(**{"units": 3, "epochs": 1, **options})


def forecaster(**options: Any) -> Forecaster:
    return Forecaster(**{"window": 4, "horizon": 2, "units": 2, "epochs": 1, **options})


def with_value(value: float) -> np.ndarray:
    array = X.copy()
    array[2, 1, 0] = value
    return array


def fit(
    x: object, y: object = LABELS, weight: object = None, **options: Any
) -> Callable[[], object]:
    return lambda: classifier(**options).fit(x, y, weight)


def regress(y: object) -> Callable[[], object]:
    return lambda: RecurrentRegressor(units=2, epochs=1).fit(X, y)


def ahead(x: object, y: object, **options: Any) -> Callable[[], object]:
    return lambda: forecaster(**options).fit(x, y)


CASES: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "option": (lambda: classifier(unit=3), TypeError, "unknown option 'unit' .did you mean 'units'"),
    "option elsewhere": (lambda: classifier(hidden_size=3), TypeError, "it is called 'units' here; help.rnnbp.estimators.RecurrentClassifier"),
    "option of fit": (lambda: classifier().fit(X, LABELS, epochs=3), TypeError, "fit: unknown option 'epochs'; it takes X, y, sample_weight"),
    "cell": (fit(X, cell="lstn"), ValueError, "cell must be one of 'lstm', .* found 'lstn' .did you mean 'lstm'"),
    "layers": (fit(X, layers=0), ValueError, "RecurrentClassifier: layers must be at least 1, found 0"),
    "rate": (fit(X, learning_rate=-1), ValueError, r"learning_rate must lie in \(0, inf\), found -1"),
    "schedule": (fit(X, schedule="step"), ValueError, "schedule must be one of 'constant', 'cosine'"),
    "bytes": (fit(X, memory="6 potatoes"), rb.BudgetError, "memory '6 potatoes' is not a number of bytes; write as '64 MB'"),
    "dtype": (fit(X, dtype="float16"), rb.DtypeError, "use 'float32' or 'float64'"),
    "last of both": (fit(X, pooling="last", bidirectional=True), ValueError, "reverse direction has read that step alone; use pooling='mean'"),
    "no X": (fit(None), TypeError, r"X is None; X is \(n, T\) for series of one feature, \(n, T, features\), or a list"),
    "text": (fit("abc"), TypeError, "X is 'abc'; X is"),
    "strings": (fit([["a", "b"]] * 6), ValueError, "X has dtype <U1, which are no numbers"),
    "dates": (fit(np.zeros((6, 2), "M8[s]")), ValueError, "leave text and dates out, or encode them"),
    "complex": (fit(X + 1j), ValueError, "Complex data not supported; give real and imaginary parts as two features"),
    "sparse": (fit(scipy.sparse.csr_array(np.eye(6))), TypeError, "Sparse data was passed.*toarray"),
    "sparse item": (fit([scipy.sparse.csr_array(np.eye(6))] * 6), TypeError, r"X\[0\], but dense data is required.*toarray"),
    "lists of several lengths": (fit([[1, 2], [1]] * 3), ValueError, "lists of several lengths .*; make each of them an array"),
    "four axes": (fit(X[..., None]), ValueError, r"X has shape \(6, 4, 2, 1\); X is"),
    "no steps": (fit(X[:, :0]), ValueError, r"X has shape \(6, 0, 2\); .* no axis has size 0"),
    "NaN": (fit(with_value(np.nan)), ValueError, "X contains NaN at series 2, step 1, feature 0; fill the gaps first, as by"),
    "NaN of a table": (fit(with_value(np.nan)[..., 0]), ValueError, "X contains NaN at row 2, column 1; fill"),
    "infinity of an item": (fit([*with_value(np.inf)]), ValueError, r"X\[2\] contains inf, infinity at step 1, feature 0"),
    "features of an item": (fit([*X[:5], np.zeros((3, 4))]), ValueError, r"X\[5\] has 4 features, X\[0\] 2"),
    "item without steps": (fit([*X[:5], np.zeros((0, 2))]), ValueError, r"X\[5\] has shape \(0, 2\); a series is \(T, features\)"),
    "item of text": (fit([*X[:5], np.array([["a", "b"]])]), ValueError, r"X\[5\] has dtype <U1, which are no numbers"),
    "no y": (fit(X, None), ValueError, "requires y to be passed, but the target y is None"),
    "length of y": (fit(X, LABELS[:-1]), ValueError, r"inconsistent numbers of samples: \[6, 5\]"),
    "one class": (fit(X, [3] * 6), ValueError, "y has 1 class, 3; give at least 2"),
    "numbers for classes": (fit(X, np.linspace(0, 1, 6)), ValueError, "Unknown label type: continuous"),
    "length of weights": (fit(X, LABELS, [1] * 5), ValueError, r"sample_weight has shape \(5,\); give a number for each series, \(6,\)"),
    "weights below 0": (fit(X, LABELS, [1, -1] * 3), ValueError, r"sample_weight must be at least 0, .*; found -1"),
    "no weight": (fit(X, LABELS, [0] * 6), ValueError, "above 0 for some series; all are zero"),
    "steps of y": (regress(np.zeros((6, 4, 1))), ValueError, r"y has shape \(6, 4, 1\); .* a target at each step train a model by rnnbp.fit"),
    "NaN in y": (regress([np.nan] * 6), ValueError, "Input y contains NaN"),
    "not fitted": (lambda: classifier().predict(X), NotFittedError, "not fitted yet"),
    "no series": (ahead(Y, None), ValueError, r"give fit\(X, y\)"),
    "short series": (ahead(None, Y[:5]), ValueError, "the series has 5 samples, and window=4 and horizon=2 need at least 6"),
    "short series of several": (ahead(None, [Y, Y[:5]]), ValueError, "series 1 has 5 samples"),
    "NaN in a series": (ahead(None, np.where(Y == 3, np.nan, Y)), ValueError, "y contains NaN at step 3; fill"),
    "steps of covariates": (ahead(KNOWN[:9], Y), ValueError, r"inconsistent numbers of samples: \[9, 20\]"),
    "covariates of several": (ahead(KNOWN, [Y, Y]), ValueError, "there are 2 series; give X as a list of as many tables"),
    "list of covariates": (ahead([KNOWN], Y), ValueError, "X is a list, and y one series"),
    "other covariates": (ahead([KNOWN, KNOWN[:, :2]], [Y, Y]), ValueError, r"X\[1\] has 2 features, but 3 are expected"),
    "steps of one of several": (ahead([KNOWN, KNOWN[1:]], [Y, Y]), ValueError, r"X\[1\] has 19 steps, y\[1\] 20"),
    "other targets": (ahead(None, [Y, np.ones((20, 2))]), ValueError, r"y\[1\] has 2 targets, y\[0\] 1"),
    "quantile": (ahead(None, Y, quantiles=(1.5,)), ValueError, r"q must lie in \(0, 1\), found 1.5"),
    "quantiles": (ahead(None, Y, quantiles=0.5), ValueError, r"quantiles must be numbers between 0 and 1, as \(0.1, 0.5, 0.9\)"),
    "few windows": (ahead(None, Y[:7], early_stopping=True), ValueError, "too few windows for early stopping"),
    "name": (lambda: rb.estimators.Forecastr, AttributeError, "did you mean 'Forecaster'"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused(case: str) -> None:
    call, error, text = CASES[case]
    with pytest.raises(error, match=text):
        call()


def test_what_is_predicted_has_the_form_that_was_fitted() -> None:
    of_series, of_table = classifier().fit(X, LABELS), classifier().fit(X[..., 0], LABELS)
    for call, text in (
        (lambda: of_series.predict(X[..., :1]), "X has 1 features, but RecurrentClassifier is expecting 2"),
        (lambda: of_series.predict(X[0]), r"X is a table \(4, 2\), and it was fitted on series of 2 features"),
        (lambda: of_table.predict(X), "fitted on a table of 4 columns; fit on X.*None. for series of one"),
        (lambda: of_table.predict(X[:, :3, 0]), "X has 3 features, but RecurrentClassifier is expecting 4"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=text):
            call()


def test_a_forecast_needs_what_was_fitted() -> None:
    with_x, without = forecaster().fit(KNOWN, Y), forecaster().fit(None, Y)
    several = forecaster().fit([KNOWN, KNOWN], [Y, Y])
    for call, text in (
        (with_x.predict, "fitted with 3 covariates that are known in advance; give those"),
        (lambda: with_x.predict(KNOWN[:, :2]), "X has 2 features, but Forecaster is expecting 3"),
        (lambda: with_x.predict(KNOWN, steps=3), "as many steps as rows of X; leave out steps"),
        (lambda: with_x.predict_quantiles(KNOWN), "fitted without quantiles; build it with quantiles"),
        (lambda: with_x.predict(KNOWN, past_X=KNOWN), "past_X is what was known of past_y; give both"),
        (lambda: with_x.predict(KNOWN, past_y=Y[:3], past_X=KNOWN[:3]), "past_y has 3 steps, and a window of 4 is read"),
        (lambda: with_x.predict(KNOWN, past_y=np.ones((20, 2)), past_X=KNOWN), "past_y has 2 targets, and it was fitted on 1"),
        (lambda: without.predict(KNOWN), "fitted without covariates; leave out X, and give steps="),
        (lambda: without.predict(steps=0), "steps must be at least 1, found 0"),
        (lambda: several.predict(KNOWN), "there are 2 series; give X as a list"),
        (lambda: several.predict([KNOWN]), "there are 2 series; give X as a list"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=text):
            call()


def test_a_fit_that_fails_leaves_the_fitted_model() -> None:
    fitted = classifier(random_state=0).fit(X, LABELS)
    expected = fitted.predict_proba(X)
    with pytest.raises(ValueError, match="NaN"):
        fitted.fit(with_value(np.nan), LABELS)
    with pytest.raises(rb.BudgetError):
        fitted.set_params(memory=100).fit(X[..., :1], LABELS)
    assert np.array_equal(fitted.predict_proba(X), expected)


def test_files_that_hold_no_estimator_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "estimator.safetensors"
    with pytest.raises(ValueError, match="random_state is a RandomState, which a file cannot hold"):
        classifier(random_state=np.random.RandomState(0)).fit(X, LABELS).save(path)
    assert not path.exists()
    with pytest.raises(NotFittedError):
        classifier().save(path)
    fitted = classifier().fit(X, LABELS)
    rb.save(fitted.model_, path)
    with pytest.raises(rb.StorageError, match=r"a model without an estimator.*rnnbp.load reads"):
        load(path)
    fitted.save(path)
    whole = path.read_bytes()
    for cut in (10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(rb.StorageError):
            load(path)
    changed = bytearray(whole)
    changed[len(whole) // 3] ^= 1
    path.write_bytes(changed)
    with pytest.raises(rb.StorageError):
        load(path)
