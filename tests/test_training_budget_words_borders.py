"""What a user who trains within a budget reads: of the error, and of print(plan)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.planning.budget import with_margin
from tests.plans import COSTS

MSE = rb.losses.MeanSquaredError()
X = np.linspace(-1, 1, 2000, dtype=np.float32)[:, None]
MODEL = rb.Sequential(rb.LSTM(1, 16, rng=0), rb.Dense(16, 1, rng=1))
COPY = sum(p.nbytes for p in MODEL.params.values())
STATE = "Of these, the optimiser's state takes 18.1 kB (18,056 bytes)"
BEST = "a copy of the best parameters, which validation= or monitor= keeps, takes 4.93 kB"
SUM = "the sum of the gradients over accumulate= batches takes 4.93 kB"
LOSS = "y and dy, which this loss needs of all steps at once, take 800 B each"


def data() -> rb.Windows:
    return rb.Windows(X, X, horizon=100, batch_size=2)


def esr(y: Any, target: Any) -> tuple[float, Any]:
    d, energy = y - target, (target**2).sum()
    return (d**2).sum() / energy, 2 * d / energy


def refused(loss: Any = MSE, **options: Any) -> rb.BudgetError:
    """The error of a budget that is too small."""
    with pytest.raises(rb.BudgetError, match="too small for any schedule") as caught:
        rb.fit(MODEL, data(), loss, checkpoint="10 kB", epochs=1, progress=False, **options)
    return caught.value


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({}, [STATE]),
        ({"validation": data()}, [STATE, BEST]),
        ({"accumulate": 2}, [STATE, SUM]),
        ({"validation": data(), "accumulate": 2}, [STATE, BEST, SUM]),
        ({"loss": rb.losses.WholeSequence(esr)}, [STATE, LOSS]),
    ],
    ids=lambda given: "-".join(given) or "alone",
)
def test_a_budget_that_is_too_small_names_what_is_there_alone(
    options: dict[str, Any], parts: list[str]
) -> None:
    text = str(refused(**options))
    assert [part in text for part in (STATE, BEST, SUM, LOSS)] == [
        part in parts for part in (STATE, BEST, SUM, LOSS)
    ]


def test_the_least_budget_is_named_to_the_byte_and_as_text_that_fits() -> None:
    error = refused()
    assert error.least is not None
    written = str(error).partition("bytes are enough, as '")[2].partition("'")[0]
    assert f"schedule; {error.least:,} bytes are enough, as '{written}'. Of these, " in str(error)
    for budget in (error.least, written):
        assert rb.fit(MODEL, data(), MSE, checkpoint=budget, steps=1, progress=False).steps == 1


def test_a_validation_adds_a_copy_of_the_parameters() -> None:
    alone, judged = refused().least, refused(validation=data()).least
    assert alone is not None
    assert judged == alone + COPY


def planned(budget: str, **options: Any) -> rb.Plan:
    return rb.plan(
        MODEL, MSE, steps=1000, batch=2, budget=budget, costs=COSTS, backend="numpy", **options
    )


def test_a_plan_for_training_shows_the_budget_that_was_asked_for() -> None:
    plan = planned("400 kB", optimizer="adam", accumulate=2)
    text = " ".join(str(plan).split())
    assert (
        "budget 400 kB (400,000 bytes): 18.1 kB for the optimiser's state, 4.93 kB for the sum of "
        "the gradients over accumulate= batches; 377 kB are left for the run bytes " in text
    )
    assert plan.held.total + plan.budget == 400_000
    assert "377 kB for the run, 400 kB with what training holds" in repr(plan)


@pytest.mark.long
def test_a_row_of_the_table_is_a_budget_to_ask_for() -> None:
    least = str(planned("400 kB", optimizer="adam")).splitlines()[-len(TABLE)].split()
    budget = " ".join(least[:2])
    assert planned(budget, optimizer="adam").chosen.name == TABLE[0].name


TABLE = planned("400 kB", optimizer="adam").frontier


@pytest.mark.long
def test_the_column_of_the_table_is_named_as_what_it_is() -> None:
    plan = planned("1 MB")
    head, *rows = str(plan).splitlines()[-1 - len(plan.frontier) :]
    assert head.split()[:3] == ["least", "budget", "seconds"]
    (chosen,) = (row.split() for row in rows if "*" in row)
    found = float(chosen[0]) * {"kB": 1e3, "MB": 1e6}[chosen[1]]
    assert found == pytest.approx(with_margin(plan.chosen.bytes), rel=0.01)
    assert "budget " not in str(plan).partition("least budget")[0]


@pytest.mark.long
def test_a_plan_says_what_of_the_disk_is_used() -> None:
    unused = "disk       none of 2 MB used: the fastest schedule found needs no disk"
    assert unused in str(planned("64 MB", disk="2 MB")).splitlines()
    assert "disk  " not in str(planned("64 MB"))
