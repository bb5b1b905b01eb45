"""rb.compare: choices, measurements, files."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from contextlib import suppress
from html import escape, unescape
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.compare import Comparison, files
from rnnbp.compare.choices import Choice
from rnnbp.compare.measure import relative_error
from rnnbp.compare.row_texts import row_cells, same_runs, shown
from rnnbp.compare.rows import SLOWEST
from rnnbp.inputs.models import as_model
from rnnbp.planning.budget import with_margin
from rnnbp.planning.objects import always
from rnnbp.planning.run_sizes import sizes_of
from tests.compared import MSE, SHARES, B, T, problem

STEP = {"Advance": 1.0, "Keep": 1.1, "Record": 1.2, "Rebuild": 0.7, "Backward": 2.0}

COSTS = rb.Costs(dict.fromkeys(STEP, 0.5), STEP)


@pytest.fixture(autouse=True)
def costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds that do not depend on the machine."""
    use_costs(monkeypatch)


def use_costs(patch: pytest.MonkeyPatch, costs: rb.Costs = COSTS) -> None:
    patch.setattr(import_module("rnnbp.compare.sweep"), "calibrate", lambda *_, **__: costs)


@pytest.fixture(scope="module")
def found() -> Comparison:
    with pytest.MonkeyPatch.context() as patch:
        use_costs(patch)
        return rb.compare.sweep(*problem(), shares=SHARES, repeats=1)


# What is chosen


@pytest.mark.long
def test_every_schedule_is_under_every_budget_or_left_out(found: Comparison) -> None:
    rows = [(row.share, row.choice.name) for row in found.rows]
    left_out = [(out.share, out.schedule) for out in found.left_out]
    assert sorted(rows + left_out) == sorted(
        (share, name) for share in SHARES for name in rb.compare.SCHEDULES
    )
    assert {name for share, name in rows if share == 100} == set(rb.compare.SCHEDULES)
    assert (25, "all") in left_out
    full = found.reference.measured.stats.peak_bytes
    assert {row.budget for row in found.rows} <= {
        math.floor(full * share / 100) for share in SHARES
    }


def lengths() -> list[int]:
    return [1, 2, 4, 8, 16, 32, T]


def seconds_of(length: int, k: int, budget: int) -> float:
    """Predicted seconds of EveryK, infinite if it does not fit in the budget."""
    schedule = rb.schedules.EveryK(math.ceil(T / length), k)
    options: dict[str, Any] = {"checkpoint": schedule, "chunk": length, "costs": COSTS}
    found = rb.forecast(problem()[0], MSE, steps=T, batch=B, x_shape=(3,), **options)
    return (found.seconds or 0.0) if found.peak_bytes <= budget else math.inf


@pytest.mark.long
@pytest.mark.parametrize("share", SHARES)
def test_no_other_number_of_chunks_would_be_faster(found: Comparison, share: int) -> None:
    """EveryK by brute force: all lengths of chunks, all k."""
    budget = math.floor(found.reference.measured.stats.peak_bytes * share / 100)
    seconds = [
        math.inf,
        *(
            seconds_of(length, k, budget)
            for length in lengths()
            for k in range(1, math.ceil(T / length))
        ),
    ]
    chosen = [
        r.choice.forecast.seconds
        for r in found.rows
        if (r.share, r.choice.name) == (share, "every-k")
    ]
    assert (chosen or [math.inf]) == [pytest.approx(min(seconds))]


@pytest.mark.long
def test_more_memory_is_never_predicted_to_be_slower(found: Comparison) -> None:
    for name in rb.compare.SCHEDULES:
        seconds = [row.forecast_ratio for row in found.rows if row.choice.name == name]
        assert seconds == sorted(seconds, reverse=True)


@pytest.mark.long
def test_the_planner_s_choice_is_the_plan(found: Comparison) -> None:
    rows = [row for row in found.rows if row.choice.name == "plan"]
    assert len(rows) >= 2
    for row in rows:
        assert row.choice.forecast.peak_bytes <= row.budget
        assert row.choice in choices(row.budget)


def choices(arrays: int) -> list[Choice]:
    """What ``plan`` chooses if arrays may take this, apart from Python's objects for some chunks."""
    sizes, found = sizes_of(as_model(problem()[0]), (3,), B, MSE), []
    for objects in {always(sizes.objects, T, length) for length in range(1, T + 1)}:
        with suppress(rb.BudgetError):
            budget = with_margin(arrays + objects)
            plan = rb.plan(
                problem()[0], MSE, steps=T, batch=B, budget=budget, x_shape=(3,), costs=COSTS
            )
            found.append(
                Choice(
                    "plan", plan.chosen.name, tuple(plan.chosen.schedule), plan.chunk, plan.forecast
                )
            )
    return found


def test_a_length_of_chunks_is_kept() -> None:
    found = rb.compare.sweep(
        *problem(), shares=[100], chunk=10, repeats=1, schedules=["revolve", "every-k", "sqrt"]
    )
    assert [row.choice.chunk for row in found.rows] == [10, 10, 10]
    assert found.reference.choice.actions == tuple(rb.schedules.All(T // 10))


def test_schedules_that_are_too_slow_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = rb.Costs(dict.fromkeys(STEP, 0.0), {**STEP, "Advance": 1000.0})
    use_costs(monkeypatch, slow)
    found = rb.compare.sweep(*problem(), shares=[30, 100], repeats=1)
    assert {out.schedule for out in found.left_out} >= {"revolve", "every-k", "sqrt", "msm"}
    assert all(row.forecast_ratio <= SLOWEST for row in found.rows)


# What is measured


def test_forecast_bytes_are_the_ledger_s_and_within_the_budget(found: Comparison) -> None:
    for row in csv.DictReader(io.StringIO(found.to_csv())):
        assert int(row["forecast_bytes"]) == int(row["ledger_bytes"]) <= int(row["budget_bytes"])


def test_steps_are_those_of_simulate(found: Comparison) -> None:
    assert any(row.measured.stats.steps_rebuilt for row in found.rows)
    for row in found.rows:
        counts = rb.simulate(row.choice.actions, steps=T, chunk=row.choice.chunk)
        figures = row.figures()
        assert figures["forecast_steps_rerun"] == figures["steps_rerun"] == counts.steps_rerun
        assert figures["forecast_steps_rebuilt"] == figures["steps_rebuilt"] == counts.steps_rebuilt


def test_gradients_are_those_of_full_caching(found: Comparison) -> None:
    for row in found.rows:
        assert row.measured.relative_error < 1e-5
        assert row.measured.error_at_chunk < 1e-5
        assert row.measured.same_bits or row.measured.stats.steps_rebuilt


def test_gradients_that_differ_are_seen() -> None:
    here = {"a": np.array([1.0, -4.0]), "b": np.zeros(2)}
    assert relative_error(here, here) == 0
    assert relative_error({"a": np.array([1.0, -3.0]), "b": np.zeros(2)}, here) == 0.25
    assert relative_error({"a": here["a"], "b": np.array([0.0, 0.5])}, here) == 0.5


def test_traced_bytes_are_the_ledger_s_and_python_s_own(found: Comparison) -> None:
    for row in [found.reference, *found.rows]:
        ledger = row.measured.stats.peak_bytes
        assert row.measured.traced_bytes > ledger - max(0.01 * ledger, 64 * 1024)
        assert row.measured.traced_bytes < ledger + 10**6


# Files


def test_csv_and_json_hold_all_figures(found: Comparison) -> None:
    rows = [row.figures() for row in found.rows]
    read = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert read == [{name: str(value) for name, value in row.items()} for row in rows]
    whole = json.loads(found.to_json())
    assert whole["rows"] == rows
    assert whole["full_caching"] == found.reference.figures()
    assert whole["about"]["steps"] == T
    assert len(whole["left_out"]) == len(found.left_out)


def test_the_page_needs_nothing_else_and_has_every_row(found: Comparison) -> None:
    text = rb.compare.page.page(found, {"frontier.png": b"\x89PNG\r\n"})
    addresses = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]*)""", text)
    assert addresses == ["data:image/png;base64,iVBORw0K"]
    assert "<script" not in text
    lines = [
        re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", line) for line in re.findall(r"<tr.*?</tr>", text)
    ]
    assert [tuple(map(unescape, line)) for line in lines[1:]] == [
        row_cells(*pair) for pair in zip(found.rows, same_runs(found.rows), strict=True)
    ]
    assert escape(repr(problem()[0])) in text


def test_files_are_written_and_replaced(
    found: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "can_draw", lambda: False)
    folder = tmp_path / "a" / "b"
    for _ in range(2):
        assert [path.name for path in rb.compare.save(found, folder, html=True)] == [
            "compare.csv",
            "compare.json",
            "compare.html",
        ]
    assert sorted(path.name for path in folder.iterdir()) == [
        "compare.csv",
        "compare.html",
        "compare.json",
    ]
    assert (folder / "compare.csv").read_text() == found.to_csv()
    assert "<img" not in (folder / "compare.html").read_text(encoding="utf-8")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(rb.StorageError, match="is not written"):
        rb.compare.save(found, tmp_path / "file" / "c")


@pytest.mark.parametrize(
    ("n", "text"),
    [(7, "7 B"), (1000, "1 kB"), (123456, "123 kB"), (29.2e6, "29.2 MB"), (5e9, "5 GB")],
)
def test_bytes_are_shown_with_units(n: float, text: str) -> None:
    assert shown(n) == text


def test_drawn_steps_are_those_that_are_run(found: Comparison) -> None:
    for row in found.rows:
        drawn = rb.compare.timeline(row.choice.actions, T, row.choice.chunk)
        counts = row.choice.forecast
        assert drawn.length == counts.steps_run + counts.steps_rebuilt + T
        assert sum(line.high - line.low for line in drawn.lines) == drawn.length
        assert sum(held.kind == "checkpoint" for held in drawn.held) == counts.writes["ram"]


def test_the_text_says_what_its_columns_are(found: Comparison) -> None:
    """Its budgets are of arrays, where a plan's have room for Python's objects."""
    text, cached = " ".join(str(found).split()), found.reference.measured.stats.peak_bytes
    assert (
        f"budget: of arrays, in percent of the {shown(cached)} that full caching holds; Python's "
        "objects" in text
    )
    assert "times as long as full caching in chunks of 32, the base, which took" in text
    assert all(f"({shown(out.budget)} of arrays): " in text for out in found.left_out)
    assert {row.budget for row in found.rows} <= {
        int(cached * row.share / 100) for row in found.rows
    }
