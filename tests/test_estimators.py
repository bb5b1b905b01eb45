"""RecurrentClassifier and RecurrentRegressor: what they learn, predict, and are used with."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import rnnbp as rb
from rnnbp.estimators import RecurrentClassifier, RecurrentRegressor, SequenceScaler

SMALL: dict[str, Any] = {"units": 4, "epochs": 2, "random_state": 0}
QUICK: dict[str, Any] = {**SMALL, "epochs": 12, "learning_rate": 0.03}
LABELS = np.array(["no", "yes"] * 12)


def series(count: int = 24, *, ragged: bool = False, seed: int = 0) -> list[np.ndarray]:
    """(T_k, 3) series, of which every second is shifted upwards."""
    rng = np.random.default_rng(seed)
    steps = rng.integers(3, 9, count) if ragged else np.full(count, 6)
    return [rng.normal(k % 2, 0.5, (n, 3)) for k, n in enumerate(steps)]


def logits(model: rb.Sequential, one: np.ndarray) -> np.ndarray:
    """The output for a series alone."""
    return rb.predict(model, one.astype(np.float32)[:, None])[0][0]


@pytest.mark.quick
@pytest.mark.parametrize("ragged", [True, False])
def test_it_learns_and_says_probabilities(ragged: bool) -> None:
    x = series(ragged=ragged)
    fitted = RecurrentClassifier(**QUICK).fit(x, LABELS)
    assert fitted.classes_.tolist() == ["no", "yes"]
    assert fitted.score(series(ragged=ragged, seed=1), LABELS) == 1.0
    expected = softmax([logits(fitted.model_, one) for one in x], axis=-1)
    np.testing.assert_allclose(fitted.predict_proba(x), expected, rtol=1e-5)
    assert (fitted.predict(x) == fitted.classes_[expected.argmax(axis=-1)]).all()


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn", "mingru", "minlstm", "indrnn", "slstm"])
@pytest.mark.long
def test_every_cell_learns(cell: str) -> None:
    x = np.array(series())
    options = {**QUICK, "layers": 2, "bidirectional": True, "epochs": 25, "learning_rate": 0.01}
    fitted = RecurrentClassifier(cell=cell, **options).fit(x, LABELS)
    assert fitted.score(x, LABELS) == 1.0
    assert len(fitted.loss_curve_) == fitted.n_iter_ == 25
    assert fitted.loss_curve_[-1] < 0.5 * fitted.loss_curve_[0]


@pytest.mark.parametrize("pooling", ["mean", "max", "last"])
def test_the_last_layer_reads_a_value_over_time(pooling: str) -> None:
    x = series(ragged=True)
    fitted = RecurrentClassifier(pooling=pooling, **SMALL).fit(x, LABELS)
    cell, _, head = fitted.model_
    over_time = {"mean": np.mean, "max": np.max, "last": lambda y, axis: y[-1]}[pooling]
    for one, found in zip(x, fitted.predict_proba(x), strict=True):
        y = over_time(rb.predict(cell, one.astype(np.float32)[:, None])[0][:, 0], axis=0)
        expected = softmax(head.params["weight"] @ y + head.params["bias"])
        np.testing.assert_allclose(found, expected, rtol=1e-5)


RATES = {"constant": 0.02, "cosine": rb.optim.Cosine(0.02, 4)}


@pytest.mark.parametrize("schedule", RATES)
def test_it_is_trained_as_the_library_trains(schedule: str) -> None:
    """From the same weights, which a step of no size leaves, with one batch of all series."""
    x, target = np.array(series(), np.float32), np.arange(24) % 2
    options = {**SMALL, "batch_size": 24, "epochs": 4}
    fitted = RecurrentClassifier(learning_rate=0.02, schedule=schedule, **options).fit(x, LABELS)
    model = RecurrentClassifier(learning_rate=1e-30, **options).fit(x, LABELS).model_
    data = rb.Sequences(x, target, batch_size=24)
    how = {"learning_rate": RATES[schedule], "epochs": 4, "clip_norm": 1.0}
    history = rb.fit(model, data, rb.losses.CrossEntropy(), "adam", **how)
    np.testing.assert_allclose(fitted.loss_curve_, history.losses, rtol=1e-5)
    for name, array in model.params.items():
        np.testing.assert_allclose(fitted.model_.params[name], array, rtol=1e-3, atol=1e-5)


def test_series_of_one_feature_are_rows_of_a_table() -> None:
    x = np.array(series())[..., 0]
    of_table = RecurrentClassifier(**SMALL).fit(x, LABELS)
    of_array = RecurrentClassifier(**SMALL).fit(x[..., None], LABELS)
    of_lists = RecurrentClassifier(**SMALL).fit(x.tolist(), LABELS)
    expected = of_table.predict_proba(x)
    assert np.array_equal(of_array.predict_proba(x[..., None]), expected)
    assert np.array_equal(of_lists.predict_proba(x), expected)
    assert (of_table.n_features_in_, of_array.n_features_in_) == (6, 1)


def test_arrays_of_one_feature_may_be_of_several_lengths() -> None:
    x = [one[:, 0] for one in series(ragged=True)]
    fitted = RecurrentClassifier(**SMALL).fit(x, LABELS)
    columns = [one[:, None] for one in x]
    assert np.array_equal(fitted.predict_proba(x), fitted.predict_proba(columns))
    objects = np.empty(24, object)
    objects[:] = x
    assert np.array_equal(fitted.predict_proba(x), fitted.predict_proba(objects))


@pytest.mark.parametrize("given", [3, np.int64(3), np.random.RandomState(3)], ids=str)
def test_the_same_seed_has_the_same_bits(given: object) -> None:
    x, y = np.array(series()), np.arange(24.0)
    options = {**SMALL, "dropout": 0.3, "random_state": 3}
    expected = RecurrentRegressor(**options).fit(x, y).predict(x)
    assert np.array_equal(
        RecurrentRegressor(**{**options, "random_state": clone_of(given)}).fit(x, y).predict(x),
        expected,
    )
    other = RecurrentRegressor(**{**options, "random_state": 4}).fit(x, y).predict(x)
    assert not np.array_equal(other, expected)


def clone_of(given: object) -> object:
    return pickle.loads(pickle.dumps(given))


def test_none_is_a_new_seed_each_time() -> None:
    x = np.array(series())
    once, again = (RecurrentClassifier(units=3, epochs=1).fit(x, LABELS) for _ in range(2))
    assert not np.array_equal(once.predict_proba(x), again.predict_proba(x))


def test_a_budget_changes_nothing_but_rounding() -> None:
    x = np.tile(np.array(series()), (1, 40, 1))
    kept = RecurrentClassifier(**SMALL).fit(x, LABELS)
    least = RecurrentClassifier(**SMALL, memory="400 kB").fit(x, LABELS)
    np.testing.assert_allclose(kept.predict_proba(x), least.predict_proba(x), rtol=1e-5)
    with pytest.raises(rb.BudgetError, match=r"10,000 bytes\) is too small"):
        RecurrentClassifier(**SMALL, memory=10_000).fit(x, LABELS)


def test_weights_of_classes_are_those_of_their_series() -> None:
    x = np.array(series())
    weight = np.where(LABELS == "no", 5.0, 0.5)
    by_class = RecurrentClassifier(**SMALL, class_weight={"no": 5.0, "yes": 0.5}).fit(x, LABELS)
    by_series = RecurrentClassifier(**SMALL).fit(x, LABELS, sample_weight=weight)
    both = RecurrentClassifier(**SMALL, class_weight={"no": 5.0}).fit(
        x, LABELS, np.where(LABELS == "no", 1.0, 0.5)
    )
    expected = by_class.predict_proba(x)
    assert np.array_equal(by_series.predict_proba(x), expected)
    assert np.array_equal(both.predict_proba(x), expected)
    assert (
        expected[:, 0] > RecurrentClassifier(**SMALL).fit(x, LABELS).predict_proba(x)[:, 0]
    ).all()


def test_balanced_weights_count_rare_classes_more() -> None:
    x, y = np.array(series()), np.where(np.arange(24) < 18, "often", "rare")
    found = RecurrentClassifier(**SMALL, class_weight="balanced").fit(x, y)
    weights = {"often": 24 / (2 * 18), "rare": 24 / (2 * 6)}
    expected = RecurrentClassifier(**SMALL, class_weight=weights).fit(x, y)
    assert np.array_equal(found.predict_proba(x), expected.predict_proba(x))


def test_early_stopping_leaves_the_best() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 5, 2)), rng.normal(size=40)  # nothing to learn
    options = {**SMALL, "units": 16, "epochs": 200, "learning_rate": 0.03}
    fitted = RecurrentRegressor(
        early_stopping=True, validation_fraction=0.25, n_iter_no_change=3, **options
    ).fit(x, y)
    history = fitted.history_
    assert history.reason == "early stopping"
    assert fitted.n_iter_ == len(fitted.loss_curve_) == len(history.validation_losses) < 200
    best = int(np.argmin(history.validation_losses))
    assert best == fitted.n_iter_ - 1 - 3
    assert history.best_loss == min(history.validation_losses)
    assert fitted.score(x, y) < 0.9


@pytest.mark.parametrize("unit", [1e6, pytest.param(1e-4, marks=pytest.mark.long)])
def test_a_regressor_needs_no_scale_of_y(unit: float) -> None:
    x = np.array(series(48))
    y = np.stack([x[:, :, 0].mean(axis=1), -x[:, -1, 1]], axis=1)
    plain = RecurrentRegressor(**QUICK, dtype="float64").fit(x, y)
    found = RecurrentRegressor(**QUICK, dtype="float64").fit(x, 7 + unit * y)
    np.testing.assert_allclose(found.predict(x), 7 + unit * plain.predict(x), rtol=1e-6)
    assert plain.score(x, y) > 0.4
    assert RecurrentRegressor(**SMALL).fit(x, y[:, 0]).predict(x).shape == (48,)


@pytest.mark.parametrize("as_given", [list, pytest.param(np.array, marks=pytest.mark.long)])
def test_they_work_in_searches_and_pipelines(as_given: Callable[..., Any]) -> None:
    x = as_given(series())
    pipeline = make_pipeline(SequenceScaler(), RecurrentClassifier(**QUICK))
    grid = {"recurrentclassifier__units": [2, 6], "recurrentclassifier__cell": ["lstm"]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(x, LABELS)
    assert search.score(x, LABELS) == 1.0
    assert pickle.loads(pickle.dumps(search)).score(x, LABELS) == 1.0
    again = clone(search.best_estimator_).fit(x, LABELS)
    assert np.array_equal(again.predict_proba(x), search.predict_proba(x))


@pytest.mark.long
def test_workers_of_joblib_find_the_same() -> None:
    x = series(ragged=True)
    scores = [
        cross_val_score(
            RecurrentClassifier(**QUICK), x, LABELS, cv=2, n_jobs=jobs, scoring="neg_log_loss"
        )
        for jobs in (1, 2)
    ]
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-6)


def test_tables_are_scaled_by_scikit_learn() -> None:
    x = 1000 + np.array(series())[..., 0]
    pipeline = make_pipeline(StandardScaler(), RecurrentClassifier(**QUICK)).fit(x, LABELS)
    assert pipeline.score(x, LABELS) > 0.9


def test_a_scaler_brings_features_to_one_scale() -> None:
    x = [100 + one * [1, 10, 0] for one in series(ragged=True)]
    scaler = SequenceScaler().fit(x)
    found = scaler.transform(x)
    every = np.concatenate(found)
    np.testing.assert_allclose(every.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(every.std(axis=0), [1, 1, 0], atol=1e-12)
    assert [len(one) for one in found] == [len(one) for one in x]
    whole = np.array(series())
    expected = (whole - whole.mean(axis=(0, 1))) / whole.std(axis=(0, 1))
    np.testing.assert_allclose(SequenceScaler().fit_transform(whole), expected)
    table = whole[..., 0].astype(np.float32)
    found = SequenceScaler().fit_transform(table)
    np.testing.assert_allclose(found, (table - table.mean()) / table.std(), rtol=1e-4)
    assert found.dtype == np.float32


def test_the_model_goes_on_alone() -> None:
    x = np.array(series(), np.float32)
    fitted = RecurrentClassifier(**SMALL).fit(x, LABELS)
    y = rb.predict(fitted.model_, x.swapaxes(0, 1))[0]
    np.testing.assert_allclose(softmax(y, axis=-1), fitted.predict_proba(x), rtol=1e-5)


IMPORTS = """
import sys
sys.modules["sklearn"] = None  # as if it were not installed
import rnnbp
try:
    rnnbp.estimators
except ImportError as error:
    print(error)
del sys.modules["sklearn"]
assert rnnbp.estimators.Forecaster and "sklearn" in sys.modules
"""


@pytest.mark.long
def test_scikit_learn_is_imported_when_it_is_needed() -> None:
    ended = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True)
    assert ended.stderr == ""
    expected = "rnnbp.estimators needs scikit-learn 1.6 or later: pip install 'rnnbp[estimators]'"
    assert ended.stdout.strip() == expected
