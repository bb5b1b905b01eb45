"""What plans and comparisons say to a newcomer: lengths, bytes, percent, and why not."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.cli.main import main
from rnnbp.compare.row_texts import left_out_lines

MSE = rb.losses.MeanSquaredError()


def planned(budget: str, steps: int) -> rb.Plan:
    return rb.plan(rb.LSTM(3, 16, rng=0), MSE, steps=steps, batch=2, budget=budget)


def test_a_plan_for_another_length_says_its_own() -> None:
    plan = planned("400 kB", 5000)
    x = np.zeros((4000, 2, 3), np.float32)
    with pytest.raises(rb.BudgetError, match=r"^the plan is for 5,000 steps, \d+ chunks of \d+, f"):
        rb.bptt(rb.LSTM(3, 16), x, np.zeros((4000, 2, 16), np.float32), MSE, checkpoint=plan)


def test_once_a_plan_was_printed_its_repr_has_the_same_bytes() -> None:
    plan = planned("1 MB", 2000)
    assert "bytes     about " in repr(plan)
    (line,) = (line for line in str(plan).splitlines() if line.startswith("bytes"))
    shown = " ".join(line.split()[1:3])
    assert f"bytes     {shown} of 1 MB" in repr(plan)


def test_rows_that_nobody_would_wait_for_are_left_out() -> None:
    plan = planned("4 MB", 4000)
    fastest = plan.seconds / plan.ratio
    assert plan.frontier[0].seconds > 100 * fastest
    assert all(row.seconds <= 100 * fastest for row in plan.frontier[1:])


def test_a_budget_of_a_few_bytes_is_taken_for_megabytes() -> None:
    with pytest.raises(rb.BudgetError, match=r"any schedule; for megabytes write '4 MB'; .* bytes"):
        rb.plan(rb.LSTM(3, 16), MSE, steps=10, batch=2, budget=4)


def compared(**options: Any) -> rb.compare.Comparison:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 4, 3)), rng.normal(size=(60, 4, 20))
    how = {"repeats": 1, "chunk": 4, **options}
    return rb.compare.sweep(rb.LSTM(3, 20, rng=0), x, y, MSE, **how)


def test_what_is_left_out_of_a_comparison_says_which_of_the_two() -> None:
    found = compared(shares=[40, 100], schedules=["all", "every-k"])
    assert {(out.share, out.why) for out in found.left_out} == {(40, "bytes")}
    assert json.loads(found.to_json())["left_out"][0]["too_much"] == "bytes"
    out = found.left_out[0]
    assert out.schedule == "all"
    slow = [rb.compare.LeftOut(name, 40, out.budget, "seconds") for name in ("ism", "online")]
    few, many = left_out_lines((out, *slow))
    assert few.endswith(" of arrays): all; it needs more")
    assert many.endswith(
        " of arrays): ism, online; they take over 20 times as long as full caching"
    )


def test_a_schedule_that_is_too_slow_is_told_from_one_that_needs_too_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.modules["rnnbp.compare.sweep"], "SLOWEST", 1.5)
    found = compared(shares=[40, 100], schedules=["all", "ism"])
    assert {(out.schedule, out.why) for out in found.left_out} == {
        ("all", "bytes"),
        ("ism", "seconds"),
    }


def test_a_comparison_without_the_gradient_by_x_takes_less() -> None:
    whole, less = (compared(shares=[100], schedules=["all"], dx=dx) for dx in (True, False))
    saved = whole.reference.measured.stats.peak_bytes - less.reference.measured.stats.peak_bytes
    chunk = 4 * 4 * 3 * 4
    assert saved in (15 * chunk, 14 * chunk)  # a chunk of it is there anyway, or is not


def test_bytes_in_place_of_percent(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["compare", "--budgets", "1MB"])
    assert (
        "--budgets: must be in percent of the bytes of full caching, found '1MB'; give as 10,50, or "
        "ask rnnbp plan --budget for bytes"
    ) in capsys.readouterr().err
