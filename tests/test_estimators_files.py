"""Fitted estimators as files, and the copies that pickle and joblib make."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import BaseEstimator, clone

import rnnbp as rb
from rnnbp.estimators import Forecaster, RecurrentClassifier, RecurrentRegressor, load
from rnnbp.estimators.packing import packed
from rnnbp.saving.models import write

SMALL: dict[str, Any] = {"units": 4, "epochs": 2, "random_state": 0}
X = np.random.default_rng(0).normal(size=(20, 5, 3))
KNOWN, Y = X[:, 0], X[:, 1, 0]
TEXT = np.array(["a", "b"] * 10)
AHEAD: dict[str, Any] = {**SMALL, "window": 4, "horizon": 3}

FITTED: dict[str, Callable[[], BaseEstimator]] = {
    "classes of text": lambda: RecurrentClassifier(**SMALL, class_weight={"a": 1, "b": np.float64(2)}).fit(X, TEXT),
    "classes of objects": lambda: RecurrentClassifier(**SMALL).fit(X, TEXT.astype(object)),
    "classes of integers": lambda: RecurrentClassifier(**SMALL, layers=2, bidirectional=True, dropout=0.1).fit(X, [3, 5] * 10),
    "table": lambda: RecurrentClassifier(**{**SMALL, "random_state": np.int64(2)}, memory="1 MB").fit(X[..., 0], [True, False] * 10),
    "stopped early": lambda: RecurrentRegressor(**SMALL, early_stopping=True).fit([*X], Y),
    "weights of 0": lambda: RecurrentRegressor(**SMALL, batch_size=1).fit(X, Y, [0.0] + [1.0] * 19),
    "several outputs": lambda: RecurrentRegressor(**SMALL, dtype="float64").fit(X, KNOWN),
    "forecaster": lambda: Forecaster(**AHEAD).fit(KNOWN, Y),
    "quantiles of several": lambda: Forecaster(**AHEAD, quantiles=[0.9, 0.2]).fit([KNOWN, KNOWN], [KNOWN, KNOWN[::-1]]),
}  # fmt: skip


def outputs(estimator: BaseEstimator) -> list[Any]:
    """All that it says of what it was fitted on."""
    x = X[..., 0] if getattr(estimator, "n_features_in_", 0) == 5 else X
    x = KNOWN if isinstance(estimator, Forecaster) else x
    x = [KNOWN[:7], KNOWN[:4]] if getattr(estimator, "quantiles", None) else x
    names = ("predict", "predict_proba", "predict_quantiles")
    methods = [getattr(estimator, name) for name in names if hasattr(estimator, name)]
    some = [
        method
        for method in methods
        if method.__name__ != "predict_quantiles" or estimator.quantiles_
    ]
    return [one for method in some for one in [*method(x)]]


def assert_same(found: BaseEstimator, expected: BaseEstimator) -> None:
    assert found.get_params() == expected.get_params()
    assert vars(found).keys() == vars(expected).keys()
    for mine, other in zip(outputs(found), outputs(expected), strict=True):
        np.testing.assert_array_equal(mine, other)
    assert repr(found.history_) == repr(expected.history_)
    np.testing.assert_array_equal(found.loss_curve_, expected.loss_curve_)


@pytest.mark.parametrize("kind", FITTED)
def test_a_file_has_all_of_an_estimator(kind: str, tmp_path: Path) -> None:
    fitted, path = FITTED[kind](), tmp_path / "estimator.safetensors"
    fitted.save(path)
    found = load(path)
    assert_same(found, fitted)
    for name, array in rb.load(path).params.items():
        np.testing.assert_array_equal(array, fitted.model_.params[name])
    assert clone(found).get_params() == fitted.get_params()
    before = path.read_bytes()
    found.save(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", ["classes of text", "several outputs", "forecaster"])
def test_copies_are_the_same(kind: str) -> None:
    fitted = FITTED[kind]()
    assert_same(pickle.loads(pickle.dumps(fitted)), fitted)
    assert_same(copy.deepcopy(fitted), fitted)
    assert not hasattr(clone(fitted), "model_")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"estimator": "Pipeline"}, "a model without an estimator, or of a kind that is not known"),
        ({"version": 2}, "of format 2, and this rnnbp reads 1; update rnnbp"),
        ({"fitted": {"predict": "x"}}, "it has the attributes"),
        ({"params": {"unit": 3}}, "unknown option 'unit'"),
        ({"params": 3}, "a dict is 3"),
        ({"fitted": {"_scale": {"object": "Scale", "fields": {"mean": 1}}}}, "cannot be built"),
        ({"fitted": {"_scale": {"object": "Popen", "fields": {}}}}, "cannot be built"),
        ({"fitted": {"_scale": {"other": 1}}}, "a value has the keys"),
    ],
)
def test_what_no_estimator_wrote_is_refused(
    change: dict[str, Any], text: str, tmp_path: Path
) -> None:
    model, path = rb.Sequential(rb.Dense(2, 2)), tmp_path / "estimator.safetensors"
    more = {"version": 1, "estimator": "RecurrentRegressor", "params": {}, "fitted": {}}
    write(model, path, {**more, **change})
    with pytest.raises(rb.StorageError, match=text):
        load(path)


def test_what_a_file_cannot_hold_is_named() -> None:
    assert packed(np.float32(0.5)) == 0.5
    assert packed([1.0, float("nan")])["floats"].dtype == np.float64
    assert packed(rb) is rb
