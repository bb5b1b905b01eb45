"""Plans for the shards of a batch: what they say, and that runs within a budget take the same."""

from __future__ import annotations

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.parallel import Alone

STEPS, ROWS, BUDGET = 90, 12, "200 KB"


def model() -> rb.Sequential:
    return rb.Sequential(rb.LSTM(3, 8, rng=0), rb.Dense(8, 3, rng=1))


def planned(parallel: Alone | None, batch: int = ROWS, **options: object) -> rb.Plan:
    of = {"steps": STEPS, "batch": batch, "budget": BUDGET, "optimizer": "adam", "dx": False}
    return rb.plan(model(), rb.losses.MeanSquaredError(), parallel=parallel, **of | options)


def test_a_plan_is_for_the_largest_shard_and_nothing_is_measured() -> None:
    found = planned(Alone(shards=4))
    assert found.sizes.batch == 3
    copy = sum(p.nbytes for p in model().params.values())
    assert found.held.shards == 3 * copy
    assert found.budget == 200_000 - found.held.total
    assert found.costs == planned(Alone(shards=4)).costs
    assert found.chosen.bytes <= found.budget


def test_what_it_says() -> None:
    text = " ".join(str(planned(Alone(shards=4))).split())
    assert (
        "4 of at most 3 rows, one after the other; each process has the budget for itself" in text
    )
    assert "for the sum of the gradients over shards of parallel=" in text
    spread = " ".join(str(planned(Alone(shards=4, partition=True))).split())
    assert "Of the optimiser's state 2.8 kB in each of 2, 1.4 kB in each of 4" in spread


def test_a_training_takes_the_plan_and_the_budget_alike() -> None:
    x = np.random.default_rng(0).normal(size=(ROWS, STEPS, 3)).astype("float32")
    data, ends = rb.Sequences(x, x, batch_size=ROWS), []
    for checkpoint in (planned(Alone(shards=4)), BUDGET):
        net, loss = model(), rb.losses.MeanSquaredError()
        rb.fit(net, data, loss, steps=2, checkpoint=checkpoint, parallel=Alone(shards=4))
        ends.append(np.concatenate([p.ravel() for p in net.params.values()]))
    assert np.array_equal(*ends)


def test_what_cannot_be_planned() -> None:
    with pytest.raises(TypeError, match="give batch and lengths of one shard"):
        planned(Alone(shards=2), lengths=np.full(ROWS, STEPS))
    with pytest.raises(TypeError, match="plan: parallel is an Exchange"):
        planned(4)
    with pytest.raises(rb.BudgetError, match="sum of the gradients over shards of parallel="):
        planned(Alone(shards=64), budget="10 KB")
