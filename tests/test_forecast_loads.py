"""experiments/forecast.py: its districts and windows by hand, what it reports, a small run."""

from __future__ import annotations

import runpy
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

SCRIPT = Path(__file__).parent.parent / "experiments" / "forecast.py"
FOR = runpy.run_path(str(SCRIPT))
WEEK, DAY = FOR["WEEK"], FOR["DAY"]


def districts(count: int = 2, days: int = 20, share: float = 0.1) -> Any:
    return FOR["synthesise"](count, days * DAY, share, 0)


@pytest.mark.quick
def test_districts_are_a_function_of_the_seed() -> None:
    one, same = districts(), districts()
    other = FOR["synthesise"](2, 20 * DAY, 0.1, 1)
    for a, b, c in zip(one, same, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert (a != c).any()


def test_what_was_measured_is_true_and_some_is_missing() -> None:
    data = districts(10, 100, 0.1)
    missing = np.isnan(data.load)
    np.testing.assert_array_equal(data.load[~missing], data.truth[~missing])
    assert 0.07 < missing.mean() < 0.13
    begun = missing[1:] & ~missing[:-1]
    assert 15 < missing.sum() / begun.sum() < 25  # hours that a gap has
    np.testing.assert_allclose(data.truth.mean(axis=0), np.ones((10, 3)))


def test_loads_follow_hour_and_weather() -> None:
    hour, free = np.tile(np.arange(DAY), 2), np.repeat([False, True], DAY)
    cold, warm = (
        FOR["loads"](hour, free, np.full((2 * DAY, 1), degrees), np.random.default_rng(0))
        for degrees in (0.0, 18.0)
    )
    homes, offices, heating = np.moveaxis(warm, -1, 0)
    assert abs(homes[:DAY, 0].argmax() - 19) <= 1
    assert offices[:DAY].mean() > 1.5 * offices[DAY:].mean()
    np.testing.assert_allclose(heating, 0.3)
    assert cold[..., 2].mean() > 1.5
    np.testing.assert_array_equal(cold[..., 1], offices)


def test_a_process_keeps_its_share_and_deviation() -> None:
    found = FOR["drift"](np.random.default_rng(0), (4000, 10), 0.8)
    assert found.std() == pytest.approx(1, abs=0.05)
    kept = np.mean([np.corrcoef(v[1:], v[:-1])[0, 1] for v in found.T])
    assert kept == pytest.approx(0.8, abs=0.02)


def test_a_window_has_the_week_before_and_the_day_after() -> None:
    data = districts()
    x, target = FOR["windows"](data, np.array([200, 250]), np.array([1, 0]))
    assert x["past"].shape == (WEEK, 2, 15)
    assert x["future"].shape == (DAY, 2, 8)
    for column, (start, row) in enumerate([(200, 1), (250, 0)]):
        before, after = data.load[start - WEEK : start, row], slice(start, start + DAY)
        past = x["past"][:, column]
        np.testing.assert_array_equal(past[:, 3:6] == 1, ~np.isnan(before))
        np.testing.assert_allclose(past[:, :3], np.nan_to_num(before - 1), atol=1e-6)
        np.testing.assert_allclose(past[:, 6], data.past[start - WEEK : start, row, 0], rtol=1e-5)
        np.testing.assert_allclose(x["future"][:, column], data.known[after, row], rtol=1e-5)
        np.testing.assert_allclose(target[:, column, :, 0], data.load[after, row], rtol=1e-6)


def test_days_to_learn_from_end_before_the_test() -> None:
    starts, row = FOR["days"](WEEK, 20 * DAY, 3, 5)
    assert starts.min() == WEEK
    assert 19 * DAY - 5 < starts.max() <= 19 * DAY
    assert np.bincount(row).tolist() == [len(starts) // 3] * 3


def test_the_loss_is_the_pinball_loss_of_what_is_known() -> None:
    rng = np.random.default_rng(0)
    y, truth = rng.normal(size=(4, 5, 3, 3)), rng.normal(size=(4, 5, 3))
    gap = rng.random(truth.shape) < 0.3
    target = np.where(gap, np.nan, truth)[..., None]
    value, _ = rb.losses.Known(rb.losses.Quantile(FOR["QUANTILES"]))(y, target)
    assert value == pytest.approx(FOR["pinball"](y, truth)[~gap].mean())


def test_quantiles_of_the_week_ago_hold_as_often_as_they_say() -> None:
    data = districts(6, 100, 0)
    y = FOR["week_ago"](data, 100 * DAY)[WEEK:]
    held = FOR["inside"](y, data.truth[WEEK:])
    assert held.mean() == pytest.approx(0.8, abs=0.01)
    errors = data.truth[WEEK:] - data.truth[:-WEEK]
    median = data.truth[:-WEEK] + np.median(errors, axis=0)
    np.testing.assert_allclose(y[..., 1], median, atol=1e-9)


def test_forecasts_are_in_the_order_of_the_hours() -> None:
    data, model = districts(3, 12), FOR["build"](4, 0)
    y, truth = FOR["predict"](model, data, 8 * DAY)
    assert y.shape == (4 * DAY, 3, 3, 3)
    np.testing.assert_array_equal(truth, data.truth[8 * DAY :])
    x, _ = FOR["windows"](data, np.array([10 * DAY]), np.array([2]))
    alone = rb.predict(model, x)[0][:, 0]
    np.testing.assert_allclose(y[2 * DAY : 3 * DAY, 2], alone, atol=1e-6)


@pytest.mark.long
def test_it_learns_to_beat_the_week_ago(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = "--districts 4 --days 120 --later 14 --units 16 --stride 17 --batch 16 --epochs 8"
    monkeypatch.setattr(sys, "argv", f"forecast.py {given} --folder {tmp_path}".split())
    FOR["main"]()
    lines = capsys.readouterr().out.splitlines()
    found = {line[:10].strip(): float(line.split()[-1]) for line in lines if "pinball" in line}
    assert found["network"] < found["week ago"]
    assert (tmp_path / "forecast.png").exists() == (find_spec("matplotlib") is not None)


def test_each_epoch_has_days_of_an_order_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of training alone."""
    seen, windows, data = list[Any](), FOR["windows"], districts(2, 10)

    def watched(data: Any, starts: Any, row: Any) -> Any:
        seen.append(starts)
        return windows(data, starts, row)

    monkeypatch.setitem(FOR["train"].__globals__, "windows", watched)
    options = SimpleNamespace(stride=5, batch=4, epochs=2, seed=0, lr=1e-2, budget="2 MB")
    history = FOR["train"](FOR["build"](2, 0), data, 9 * DAY, options)
    half = len(seen) // 2
    assert history.steps == len(seen) == 2 * half
    assert max(starts.max() for starts in seen) <= 8 * DAY
    assert not np.array_equal(np.concatenate(seen[:half]), np.concatenate(seen[half:]))
