"""What print(plan), a plan's attributes and the errors of budgets say."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

import rnnbp as rb
from rnnbp.planning.budget import margin, parse_budget, with_margin
from rnnbp.planning.costs import Costs
from rnnbp.planning.plan_text import frontier_lines

MSE = rb.losses.MeanSquaredError()
STEP = {"Advance": 1.0, "Keep": 1.1, "Record": 1.2, "Rebuild": 0.7, "Backward": 2.0}
COSTS = Costs(dict.fromkeys(STEP, 0.5), STEP)


def planned(budget: int | str, model: Any = None, **options: Any) -> rb.Plan:
    given = {"steps": 100, "batch": 4, "costs": COSTS} | options
    return rb.plan(rb.LSTM(8, 32, rng=0) if model is None else model, MSE, budget=budget, **given)


def exact(line: str) -> list[int]:
    return [int(n.replace(",", "")) for n in re.findall(r"([\d,]+) bytes", line)]


@pytest.mark.parametrize("budget", ["300 kB", "700 kB", "1 MB", "64 MB"])
def test_the_lines_of_a_plan_add_up_to_its_budget(budget: str) -> None:
    """Python's objects are a line of their own, and what is left free is another."""
    plan = planned(budget)
    lines = {line.split()[0]: line for line in str(plan).splitlines() if line}
    held, whole = exact(lines["bytes"])
    (arrays,), (objects,), (free,) = (exact(lines[name]) for name in ("arrays", "objects", "free"))
    assert whole == parse_budget(budget)
    assert arrays == plan.forecast.peak_bytes
    assert "Python's objects" in lines["objects"]
    assert objects >= plan.forecast.object_bytes
    assert arrays + objects == held
    assert held + free == whole
    assert free >= margin(whole) * 0.8


@pytest.mark.parametrize("budget", ["700 kB", "800 kB", "1 MB", "1200 kB", "2 MB", "64 MB"])
def test_no_row_of_other_budgets_is_dearer_and_slower_than_another(budget: str) -> None:
    plan = planned(budget)
    pairs = [(row.bytes, row.seconds) for row in plan.frontier]
    assert pairs == sorted(pairs)
    assert [seconds for _, seconds in pairs] == sorted(
        {seconds for _, seconds in pairs}, reverse=True
    )
    assert plan.chosen in plan.frontier
    assert plan.chosen.bytes <= plan.budget - margin(plan.budget)


@pytest.mark.parametrize("budget", [240_000, 320_000, 400_000])
def test_no_row_of_fewer_bytes_beats_the_chosen_one_where_bytes_take_time(budget: int) -> None:
    costs = Costs(dict.fromkeys(STEP, 1e-5), dict.fromkeys(STEP, 1e-5), byte=1e-6)
    options = {"steps": 300, "batch": 1, "dx": False, "backend": "numpy", "costs": costs}
    plan = planned(budget, rb.LSTM(3, 16, rng=0), **options)
    assert plan.chosen in plan.frontier
    fewer = [row for row in plan.frontier if row.bytes < plan.chosen.bytes]
    assert fewer
    assert all(row.seconds > plan.seconds for row in fewer)


@pytest.mark.parametrize("budget", ["700 kB", "64 MB"])
def test_the_least_of_the_table_is_that_of_the_error(budget: str) -> None:
    with pytest.raises(rb.BudgetError) as caught:
        planned(1000)
    assert with_margin(planned(budget).frontier[0].bytes) == caught.value.least


LONG = {"steps": 4000, "batch": 8}


@pytest.mark.parametrize(
    ("model", "options", "text"),
    [
        (rb.LSTM(64, 8, rng=0), LONG, r"dx takes 8\.19 MB: dx=False leaves it out"),
        (
            rb.LSTM(8, 64, rng=0),
            LONG | {"return_y": True},
            r"y of all steps takes 8\.19 MB: return_y=False",
        ),
        (
            rb.LSTM(8, 256, rng=0),
            {"dx": False},
            r"the gradients of the parameters take [\d.]+ MB;",
        ),
    ],
)
def test_too_small_a_budget_says_what_takes_most_of_the_least(
    model: Any, options: dict[str, Any], text: str
) -> None:
    with pytest.raises(rb.BudgetError, match=text):
        planned("100 kB", model, **options)


def test_dx_is_named_with_an_optimizer_too() -> None:
    model = rb.LSTM(64, 8, rng=0)
    with pytest.raises(
        rb.BudgetError, match=r"the optimiser's state takes .*; dx takes 8\.19 MB: dx=False"
    ):
        planned("100 kB", model, **LONG, optimizer=rb.optim.Adam(model))


def test_leaving_dx_out_is_what_the_error_says_it_is() -> None:
    """The advice holds: the least budget without dx is less by its bytes, 1 % of them apart."""
    least = []
    for dx in (True, False):
        with pytest.raises(rb.BudgetError) as caught:
            planned(1000, rb.LSTM(64, 8, rng=0), **LONG, dx=dx)
        least.append(caught.value.least)
    assert least[0] - least[1] == pytest.approx(8 * 4000 * 64 * 4, rel=0.03)


def test_words_of_a_plan() -> None:
    text = "\n".join(str(planned(budget)) for budget in ("680 kB", "1 MB", "64 MB"))
    assert "times as long as caching everything" in text
    assert "revolve, 1 slot, chunks of" in text
    assert re.search(r"every 1 chunks|\b1 (slots|units|steps)\b", text) is None


def test_attributes_of_a_plan_that_are_elsewhere() -> None:
    plan = planned("1 MB")
    assert plan.seconds == plan.chosen.seconds
    assert plan.peak_bytes == plan.forecast.peak_bytes
    assert plan.schedule is plan.chosen.schedule
    assert not hasattr(plan, "bytes")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bytes", r"plan\.peak_bytes.*plan\.chosen\.bytes"),
        ("steps_rerun", r"it is plan\.forecast\.steps_rerun"),
        ("peak_slots", r"it is plan\.forecast\.peak_slots"),
        ("frontiers", "did you mean 'frontier'"),
    ],
)
def test_attributes_that_a_plan_does_not_have_are_named(name: str, text: str) -> None:
    with pytest.raises(AttributeError, match=text):
        getattr(planned("1 MB"), name)


@pytest.mark.long
def test_the_frontier_of_a_plan_has_no_hole_and_says_what_its_ends_are() -> None:
    """The table that a user prints for an LSTM: of two rows in turn none is far from the other."""
    lstm = rb.Sequential(rb.LSTM(3, 32, rng=1), rb.Dense(32, 2, rng=2))
    options = {"steps": 1000, "batch": 4, "backend": "numpy"}
    for budget in ("800 kB", "1 MB", "64 MB"):
        plan = planned(budget, lstm, **options)
        sizes = [with_margin(row.bytes) for row in plan.frontier]
        assert max(b / a for a, b in pairwise(sizes)) < 2.5
        assert max(a.seconds / b.seconds for a, b in pairwise(plan.frontier[1:])) < 60
        fastest = plan.seconds / plan.ratio
        assert all(row.seconds <= 100 * fastest for row in plan.frontier[1:])
        rows = str(plan).splitlines()[-len(sizes) :]
        assert [row for row in rows if row.endswith("; the least that works")] == rows[:1]
        assert max(map(len, str(plan).splitlines())) <= 80
        assert 5 <= len(rows) <= 12


def test_a_large_ratio_stands_in_its_column() -> None:
    chosen = planned("1 MB").chosen
    slow = [replace(chosen, seconds=7484.62), replace(chosen, chunk=1000, seconds=1.25)]
    head, first, second = frontier_lines(slow, chosen, 1.0)
    end = head.index("ratio") + len("ratio")
    assert first[:end].endswith(" 7,485")
    assert second[:end].endswith(" 1.25")
    assert second.endswith("chunks of 1,000")
