"""Budgets as they are written, and runs that a plan was not made for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.planning.budget import parse_budget
from tests.plans import least_of, lstm, planned

BUDGETS: dict[Any, int] = {
    "64MB": 64_000_000,
    "64 MB": 64_000_000,
    "64 MiB": 64 * 2**20,
    "1.5 gb": 1_500_000_000,
    "2 KiB": 2048,
    " 10 k ": 10_000,
    "123": 123,
    "7 B": 7,
    4096: 4096,
}


@pytest.mark.parametrize("budget", BUDGETS)
def test_budgets_are_read(budget: Any) -> None:
    assert parse_budget(budget) == BUDGETS[budget]


@pytest.mark.parametrize(
    "budget",
    ["", "MB", "64 XB", "-3 MB", "1e6", "64 M B", "nan", "0", 0, -1, 1.5, None, True, "0.2 B"],
)
def test_other_budgets_are_refused(budget: Any) -> None:
    with pytest.raises(rb.BudgetError, match="budget"):
        parse_budget(budget)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"checkpoint": "500 kB", "chunk": 4}, "a budget chooses the chunks too, found chunk=4"),
        ({"checkpoint": "500 kB", "horizon": 4}, "found horizon=4; leave horizon and chunk out"),
        (
            {"checkpoint": "10 B"},
            r"a budget of 10 bytes is too small for any schedule; .* bytes are enough",
        ),
        ({"checkpoint": "-1 MB"}, "checkpoint '-1 MB' is not a number of bytes"),
        ({"checkpoint": "10 apples"}, "checkpoint '10 apples' is not a number of bytes"),
    ],
)
def test_errors_of_budgets_in_bptt(options: Any, message: str) -> None:
    with pytest.raises(rb.BudgetError, match=message):
        rb.bptt(*lstm(), **options)


def test_a_plan_for_other_chunks_is_refused() -> None:
    with pytest.raises(rb.BudgetError, match=r"the plan is for chunks of \d+ steps, found chunk=5"):
        rb.bptt(*lstm(), checkpoint=planned(lstm(), "1 MB"), chunk=5)


def test_a_run_that_was_not_planned_is_refused() -> None:
    """Another batch would take more than the plan says, another length needs another schedule."""
    model, x, target, loss = lstm()
    least = planned(lstm(), least_of(lstm()))
    with pytest.raises(
        rb.BudgetError,
        match=r"the plan is for .* but this run would need .*: the batch size, the loss, or",
    ):
        rb.bptt(model, np.tile(x, (1, 4, 1)), np.tile(target, (1, 4, 1)), loss, checkpoint=least)
    with pytest.raises(
        rb.BudgetError,
        match=r"the plan is for \d+ steps, \d+ chunks? of \d+, found 50 steps; plan anew",
    ):
        rb.bptt(model, x[:50], target[:50], loss, checkpoint=least)
    with pytest.raises(
        rb.BudgetError, match="the plan is for dx=True, found dx=False; plan for that"
    ):
        rb.bptt(model, x, target, loss, checkpoint=least, dx=False)
