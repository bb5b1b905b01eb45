"""rb.compare of networks over time: every schedule under budgets of all sweeps."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.over_time_layers import dense, gru, lstm

MSE = rb.losses.MeanSquaredError()
STEP = {"Advance": 1.0, "Keep": 1.1, "Record": 1.2, "Rebuild": 0.7, "Backward": 2.0}
LENGTHS = np.array([40, 12, 26, 40])


@pytest.fixture(autouse=True)
def seconds_that_do_not_depend_on_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RNNBP_BACKEND", "interpreter")
    costs = rb.Costs(dict.fromkeys(STEP, 0.5), STEP)
    for name in ("rnnbp.compare.network_choices", "rnnbp.sweeps.planned"):
        monkeypatch.setattr(import_module(name), "costs_of", lambda *_: costs)


def compared(**options: Any) -> rb.compare.Comparison:
    pair = rb.Bidirectional(lstm(0, initial="learned"), gru(1))
    model = rb.Sequential(pair, lstm(2, 4), dense(3))
    x, target = np.random.default_rng(0).normal(size=(40, 4, 3)), np.zeros((40, 4, 2))
    how = {"lengths": LENGTHS, "shares": [50, 100], "repeats": 1, "chunk": 4} | options
    return rb.compare.sweep(model, x, target, MSE, **how)


def assert_as_forecast(found: rb.compare.Comparison) -> None:
    """That bytes and steps run again are as forecast and within budgets, and gradients the same."""
    for row in found.rows:
        told, ran = row.choice.forecast, row.measured.stats
        assert (told.peak_bytes, told.steps_rerun) == (ran.peak_bytes, ran.steps_rerun)
        assert ran.peak_bytes <= row.budget
        assert row.measured.same_bits


@pytest.mark.long
def test_schedules_within_budgets(tmp_path: Path) -> None:
    found = compared(schedules=["all", "revolve"])
    assert_as_forecast(found)
    rows = [(row.share, row.choice.name) for row in found.rows]
    assert rows == [(50, "revolve"), (100, "all"), (100, "revolve")]
    assert [out.schedule for out in found.left_out] == ["all"]
    assert found.steps == 80
    assert "same bits" in str(found) or "the same bits" in " ".join(str(found).split())
    written = {path.name for path in rb.compare.save(found, tmp_path)}
    assert written >= {"compare.csv", "compare.json"}
    assert "schedules.png" not in written


@pytest.mark.long
def test_every_schedule_with_resets_and_masks() -> None:
    rng = np.random.default_rng(1)
    reset, mask = rng.random((40, 4)) < 0.1, rng.random((40, 4)) < 0.8
    found = compared(reset=reset, mask=mask, shares=[40, 70, 100])
    assert_as_forecast(found)
    assert {row.choice.name for row in found.rows} == set(rb.compare.SCHEDULES)


@pytest.mark.long
def test_several_inputs_and_outputs() -> None:
    source, x = rb.Input(3, "source", axis="source"), rb.Input(3, "x")
    _, state = gru(0, reverse=True)(source, return_state=True)
    y = gru(1)(x, state=state)
    model = rb.Graph((source, x), {"y": y, "end": dense(2)(rb.MeanOverTime()(y))})
    rng = np.random.default_rng(2)
    given = {"source": rng.normal(size=(30, 4, 3)), "x": rng.normal(size=(40, 4, 3))}
    target = {"y": np.zeros((40, 4, 2)), "end": np.zeros((4, 2))}
    loss, lengths = {"y": MSE, "end": 0.5 * MSE}, {"source": [30, 7, 9, 30]}
    how = {"shares": [60, 100], "schedules": ["sqrt", "plan"], "repeats": 1}
    assert_as_forecast(rb.compare.sweep(model, given, target, loss, lengths=lengths, **how))


def test_what_is_not_for_models_of_one_sweep() -> None:
    x, target = np.zeros((8, 2, 3)), np.zeros((8, 2, 2))
    with pytest.raises(TypeError, match="mask= is for networks over time"):
        rb.compare.sweep(lstm(0), x, target, MSE, mask=np.ones((8, 2)))
    with pytest.raises(ValueError, match="lengths is 50 at sequence 0, beyond T = 40"):
        compared(lengths=[50, 1, 1, 1])
