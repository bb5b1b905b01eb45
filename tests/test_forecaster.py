"""Forecaster: which steps it reads and forecasts, what it learns, and what it is used with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rnnbp.estimators import Forecaster
from rnnbp.estimators.forecast_windows import ForecastWindows, starts_of
from rnnbp.estimators.frame import Frame
from rnnbp.estimators.time_series import TimeSeries

SMALL: dict[str, Any] = {
    "window": 5, "horizon": 3, "units": 6, "epochs": 2, "random_state": 0, "dtype": "float64",
}  # fmt: skip
RNG = np.random.default_rng(0)
KNOWN = RNG.normal(size=(80, 2))
Y = np.cumsum(RNG.normal(size=(80, 2)), axis=0) + KNOWN


def fitted(**options: Any) -> Forecaster:
    """On the first 60 steps."""
    return Forecaster(**{**SMALL, **options}).fit(KNOWN[:60], Y[:60])


@pytest.mark.quick
@pytest.mark.parametrize("lag", [0, pytest.param(1, marks=pytest.mark.long)])
def test_it_finds_what_a_series_follows_from(lag: int) -> None:
    """y follows what is known of its own step, or of the step before, and of nothing else."""
    known = np.random.default_rng(0).normal(size=(240, 1))
    y = 5 - 2 * np.roll(known[:, 0], lag)
    options = {**SMALL, "units": 12, "epochs": 12, "learning_rate": 0.03, "center": False}
    found = Forecaster(**options).fit(known[1:220], y[1:220])
    assert found.score(known[220:], y[220:]) > 0.8
    assert found.predict(known[220:]).shape == (20,)


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("levels", [(), (0.1, 0.5)])
def test_windows_are_those_of_the_definition(center: bool, levels: tuple[float, ...]) -> None:
    lengths = (9, 12)
    every = [TimeSeries(Y[:n] + n, KNOWN[:n].astype("float32")) for n in lengths]
    options = Forecaster(window=4, horizon=2, center=center, dtype="float32")
    frame = Frame.of(every, options, levels)
    starts, later = starts_of(every, frame, 1, 0.0)
    data = ForecastWindows(every, starts, frame, 3, 0)
    assert not len(later)
    expected = {}
    for one in every:
        for at in range(4, len(one.y) - 2 + 1):
            past = one.y[at - 4 : at]
            level = past.mean(axis=0) if center else np.concatenate([e.y for e in every]).mean(0)
            read = np.hstack([(past - level) / frame.deviation, one.x[at - 4 : at]])
            ahead = np.hstack([[[0.5], [1.0]], one.x[at : at + 2]])
            target = (one.y[at : at + 2] - level) / frame.deviation
            expected[len(one.y), at] = read, ahead, target
    batches = [data.batch(2, index) for index in range(data.batches_per_epoch)]
    found = [np.concatenate([b.x[key] for b in batches], axis=1) for key in ("past", "future")]
    target = np.concatenate([b.target for b in batches], axis=1)
    assert target.shape[3:] == (1,) * bool(levels)
    numbers = np.random.default_rng((0, 2)).permutation(len(starts))
    for row, number in enumerate(numbers):
        read, ahead, wanted = list(expected.values())[number]
        np.testing.assert_allclose(found[0][:, row], read, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(found[1][:, row], ahead, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(target[:, row].reshape(2, 2), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("stride", [1, 3])
def test_nothing_that_is_learnt_is_a_target_of_validation(stride: int) -> None:
    every = [TimeSeries(Y[:n], KNOWN[:n]) for n in (30, 47)]
    frame = Frame.of(every, Forecaster(window=5, horizon=3), ())
    learnt, later = starts_of(every, frame, stride, 0.25)
    steps = [{at + k for at in starts for k in range(3)} for starts in (learnt, later)]
    assert steps[0].isdisjoint(steps[1])
    assert all(
        (at >= 5 and at + 3 <= 30) or (at >= 35 and at + 3 <= 77) for at in [*learnt, *later]
    )
    assert {at >= 30 for at in learnt} == {at >= 30 for at in later} == {True, False}
    assert max(at for at in learnt if at < 30) < min(later)
    assert len(later) == pytest.approx(0.25 * (23 + 40) / stride, abs=2)


def test_later_steps_are_forecast_from_forecasts() -> None:
    model = fitted()
    whole = model.predict(KNOWN[60:68])
    first = model.predict(KNOWN[60:63])
    past = {"past_X": KNOWN[:63], "past_y": np.vstack([Y[:60], first])}
    second = model.predict(KNOWN[63:66], **past)
    np.testing.assert_allclose(whole[:6], np.vstack([first, second]), rtol=1e-9)
    assert whole.shape == (8, 2)


def test_a_forecast_depends_on_nothing_after_it() -> None:
    model = fitted()
    expected, changed = model.predict(KNOWN[60:68]), KNOWN[60:68].copy()
    changed[4] += 1
    found = model.predict(changed)
    np.testing.assert_allclose(found[:4], expected[:4], rtol=1e-9)
    assert (np.abs(found[4:] - expected[4:]) > 1e-6).all()
    np.testing.assert_allclose(model.predict(KNOWN[60:62]), expected[:2], rtol=1e-9)


def test_the_past_is_the_window_before() -> None:
    model = fitted()
    expected = model.predict(KNOWN[60:63])
    found = model.predict(KNOWN[60:63], past_X=KNOWN[55:60], past_y=Y[55:60])
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    longer = model.predict(KNOWN[60:63], past_X=KNOWN[10:60], past_y=Y[10:60])
    np.testing.assert_allclose(longer, expected, rtol=1e-9)
    other = Y[55:60].copy()
    other[0] += 1
    assert (
        np.abs(model.predict(KNOWN[60:63], past_X=KNOWN[55:60], past_y=other) - found).max() > 1e-3
    )


def test_units_and_levels_of_a_series_are_no_obstacle() -> None:
    expected = fitted().predict(KNOWN[60:66])
    other = Forecaster(**SMALL).fit(KNOWN[:60], 1e4 * Y[:60] - 300).predict(KNOWN[60:66])
    np.testing.assert_allclose(other, 1e4 * expected - 300, rtol=1e-6)
    risen = fitted().predict(KNOWN[60:66], past_X=KNOWN[55:60], past_y=Y[55:60] + 77)
    np.testing.assert_allclose(risen, expected + 77, rtol=1e-9)


def test_several_series_are_forecast_as_each_alone() -> None:
    series, known = [Y[:60], Y[20:58]], [KNOWN[:60], KNOWN[20:58]]
    model = Forecaster(**SMALL, quantiles=(0.8, 0.2)).fit(known, series)
    future = [KNOWN[60:67], KNOWN[58:60]]
    found, spread = model.predict(future), model.predict_quantiles(future)
    assert [one.shape for one in found] == [(7, 2), (2, 2)]
    assert [one.shape for one in spread] == [(7, 2, 2), (2, 2, 2)]
    for high, low in (np.moveaxis(one, -1, 0) for one in spread):
        assert (high > low).all()
    for k in range(2):
        alone = model.predict(future[k], past_X=known[k], past_y=series[k])
        np.testing.assert_allclose(alone, found[k], rtol=1e-9)
    truth = [Y[60:67], Y[58:60]]
    expected = r2_score(np.concatenate(truth), np.concatenate(found))
    assert model.score(future, truth) == pytest.approx(expected)


@pytest.mark.long
def test_quantiles_hold_what_they_say() -> None:
    y = np.random.default_rng(1).normal(50, 3, 900)
    options = {"quantiles": (0.9, 0.1, 0.75), "epochs": 6, "learning_rate": 0.01, "center": False}
    model = Forecaster(**{**SMALL, **options, "horizon": 20}).fit(None, y[:800])
    high, low, middle = model.predict_quantiles(steps=20).T
    median = model.predict(steps=20)
    assert (low <= median).all()
    assert (median <= middle).all()
    assert (middle <= high).all()
    np.testing.assert_allclose(low.mean(), 50 - 1.28 * 3, atol=0.8)
    np.testing.assert_allclose(high.mean(), 50 + 1.28 * 3, atol=0.8)
    np.testing.assert_allclose(middle.mean(), 50 + 0.67 * 3, atol=0.8)
    np.testing.assert_allclose(median.mean(), 50, atol=0.8)


def test_without_covariates_it_forecasts_a_horizon() -> None:
    model = Forecaster(**SMALL).fit(None, Y[:60, 0])
    assert model.n_features_in_ == 0
    assert model.predict().shape == (3,)
    np.testing.assert_allclose(model.predict(steps=7)[:3], model.predict(), rtol=1e-9)
    truth = Y[60:70, 0]
    assert model.score(None, truth) == pytest.approx(r2_score(truth, model.predict(steps=10)))


@pytest.mark.long
def test_early_stopping_leaves_the_best() -> None:
    y = np.random.default_rng(0).normal(size=90)
    options = {**SMALL, "units": 16, "epochs": 300, "learning_rate": 0.03, "n_iter_no_change": 2}
    model = Forecaster(early_stopping=True, validation_fraction=0.3, **options).fit(None, y)
    history = model.history_
    assert history.reason == "early stopping"
    assert int(np.argmin(history.validation_losses)) == model.n_iter_ - 3
    assert history.best_loss == min(history.validation_losses)


@pytest.mark.parametrize(
    "options", [{"layers": 2, "dropout": 0.2}, {"cell": "gru", "memory": "1 MB"}]
)
@pytest.mark.long
def test_options_reach_the_model(options: dict[str, Any]) -> None:
    once, again = (fitted(**options).predict(KNOWN[60:64]) for _ in range(2))
    assert np.array_equal(once, again)
    assert np.abs(once - fitted().predict(KNOWN[60:64])).max() > 1e-4


def test_it_works_in_searches_and_pipelines() -> None:
    pipeline = make_pipeline(StandardScaler(), Forecaster(**SMALL))
    folds = TimeSeriesSplit(2, test_size=6)
    grid = {"forecaster__window": [4, 6], "forecaster__learning_rate": [1e-2]}
    search = GridSearchCV(pipeline, grid, cv=folds, error_score="raise").fit(KNOWN, Y)
    assert search.predict(KNOWN[:6]).shape == (6, 2)
    (train, test), _ = folds.split(KNOWN)
    best = search.cv_results_["params"].index(search.best_params_)
    alone = pipeline.set_params(**search.best_params_).fit(KNOWN[train], Y[train])
    assert alone.score(KNOWN[test], Y[test]) == search.cv_results_["split0_test_score"][best]


def test_parameters_that_change_after_the_fit_change_no_forecast() -> None:
    model = fitted(quantiles=(0.1, 0.9))
    expected = model.predict_quantiles(KNOWN[60:68])
    model.set_params(window=9, horizon=1, quantiles=(0.3,))
    assert np.array_equal(model.predict_quantiles(KNOWN[60:68]), expected)
