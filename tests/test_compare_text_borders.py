"""The table of a comparison, as a newcomer reads it in a terminal."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.compare import Comparison, Row
from rnnbp.compare.page import page
from rnnbp.compare.row_texts import same_runs

NAMES = ["all", "every-k", "revolve", "optimal", "plan"]

pytestmark = pytest.mark.long  # a comparison takes five seconds


@pytest.fixture(scope="module")
def found() -> Comparison:
    rng = np.random.default_rng(0)
    model = rb.Sequential(rb.LSTM(3, 16, rng=1), rb.Dense(16, 2, rng=2))
    x, target = (rng.normal(size=(200, 4, n)).astype("float32") for n in (3, 2))
    how = {"shares": [30, 100], "schedules": NAMES, "repeats": 1}
    return rb.compare.sweep(model, x, target, rb.losses.MeanSquaredError(), **how)


def test_full_caching_is_the_base_and_its_ratio_is_one(found: Comparison) -> None:
    lines = str(found).splitlines()
    assert lines[1] == "base of the ratios: full caching"
    assert lines[2].split()[:2] == ["all", "32"]
    assert lines[2].split()[-2:] == ["1.00", "1.00"]
    assert found.reference.measured.ratio == 1.0
    itself = [row for row in found.rows if row.choice.key == found.reference.choice.key]
    assert [row.measured.ratio for row in itself] == [1.0] * len(itself)


def test_a_schedule_that_comes_to_the_run_of_one_above_says_so(found: Comparison) -> None:
    twin = replace(found.rows[-1].choice, name="msm", parameters="units=2")
    again = replace(found, rows=(*found.rows, replace(found.rows[-1], choice=twin)))
    line = next(line for line in str(again).splitlines() if line.startswith("  msm"))
    names = [row.choice.name for row in found.rows if row.share == 100]
    assert re.fullmatch(rf"  msm +units=2 +the same run as ({'|'.join(names)})", line)
    assert "<td class=words>msm, the same run as " in page(again, {})
    assert "the same run as" not in "\n".join(re.findall("^  all .*", str(again), re.MULTILINE))


def test_rows_of_two_budgets_are_shown_in_full(found: Comparison) -> None:
    """Each section of the table can be read alone."""
    row = found.rows[-1]
    twin = replace(row, share=200, choice=replace(row.choice, name="msm"))
    assert same_runs([row, twin]) == ["", ""]
    assert same_runs([row, replace(twin, share=row.share)]) == ["", row.choice.name]


def ratio(row: Row, forecast: float, measured: float) -> Row:
    return replace(row, forecast_ratio=forecast, measured=replace(row.measured, ratio=measured))


@pytest.mark.parametrize(("forecast", "measured", "explained"), [(0.8, 1.1, 1), (1.1, 1.1, 0)])
def test_a_ratio_below_one_is_explained(
    found: Comparison, forecast: float, measured: float, explained: int
) -> None:
    rows = tuple(ratio(row, forecast, measured) for row in found.rows)
    text = " ".join(str(replace(found, rows=rows)).split())
    why = "A ratio below 1 is faster than the base, mostly by chunks longer than 32"
    assert text.count(why) == explained


@pytest.mark.parametrize(("seconds", "said"), [(0.01, 1), (0.2, 0)])
def test_times_of_short_runs_are_said_to_vary(found: Comparison, seconds: float, said: int) -> None:
    base = replace(found.reference, measured=replace(found.reference.measured, seconds=seconds))
    text = " ".join(str(replace(found, reference=base)).split())
    assert f"the base, which took {seconds:.3g} s." in text
    assert text.count("Times of runs so short vary: more repeats, or a longer sequence") == said


def test_the_table_is_narrow(found: Comparison) -> None:
    """Gradients are a column of their own only where some have other bits."""
    assert max(map(len, str(found).splitlines())) <= 88
    assert "gradients: in all rows the same bits" in str(found)
    other = replace(found.rows[0].measured, same_bits=False, error_at_chunk=2e-7)
    rows = (replace(found.rows[0], measured=other), *found.rows[1:])
    text = str(replace(found, rows=rows))
    assert text.splitlines()[0].endswith("time  gradients")
    assert "within 2e-07" in text
    assert "in all rows" not in text
