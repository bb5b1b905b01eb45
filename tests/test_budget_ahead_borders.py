"""The budget that an error of ``fit`` names is enough for all of its batches, whichever is first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.planning.costs import Costs

RNG = np.random.default_rng(0)
X = RNG.normal(size=(430, 3)).astype("float32")
MASK = np.arange(430) >= 250
ROWS = RNG.normal(size=(23, 40, 3)).astype("float32")
STEP = {"Advance": 1.0, "Keep": 1.1, "Record": 1.2, "Rebuild": 0.7, "Backward": 2.0}
COSTS = Costs(dict.fromkeys(STEP, 0.5), STEP)


def model() -> rb.Sequential:
    return rb.Sequential(rb.LSTM(3, 5, rng=0), rb.Dense(5, 3, rng=1))


def ratio(y: Any, target: Any, mask: Any = None) -> Any:
    w = 1.0 if mask is None else mask[..., None]
    d, energy = w * (y - target), (w * target**2).sum() + 1e-8
    return (d**2).sum() / energy, 2 * d / energy


def squares(y: Any, target: Any) -> Any:
    return float(((y - target) ** 2).sum()), 2 * (y - target)


LOSSES = {
    "mse": rb.losses.MeanSquaredError(),
    "huber": rb.losses.Huber(),
    "quantile": rb.losses.Quantile(0.9),
    "function": squares,
    "per step": rb.losses.PerStep(lambda y, t: ((y - t) ** 2, 2 * (y - t))),
    "whole": rb.losses.WholeSequence(ratio),
}
WINDOWS: dict[str, Any] = {"horizon": 100, "batch_size": 1}
SOURCES: dict[str, Any] = {
    "warm-up": rb.Windows(X, X, **WINDOWS, warm_up=200),
    "warm-up within a window": rb.Windows(X, X, **WINDOWS, warm_up=150),
    "mask": rb.Windows(X, X, **WINDOWS, mask=MASK),
    "weights": rb.Windows(X, X, **WINDOWS, mask=MASK.astype("float64")),
    "float64": rb.Windows(X.astype("float64"), X.astype("float64"), **WINDOWS, warm_up=200),
    "recordings": rb.Windows([X[:30], X], [X[:30], X], **WINDOWS, warm_up=20),
    "sequences": rb.Sequences(ROWS, ROWS, batch_size=22),
    "lengths": rb.Sequences(ROWS, ROWS, batch_size=5, lengths=RNG.integers(1, 41, 23)),
    "list": [(X[:n, None], X[:n, None]) for n in (5, 9, 300, 9)],
    "batch-first list": rb.Batches([(ROWS[:n], ROWS[:n]) for n in (1, 9, 23)], batch_first=True),
}


def trained(source: Any, loss: Any, budget: Any) -> rb.History:
    options: dict[str, Any] = {"checkpoint": budget, "progress": False, "epochs": 1}
    return rb.fit(model(), source, loss, "adam", **options)


def refused(source: Any, loss: Any, budget: Any) -> rb.BudgetError:
    with pytest.raises(rb.BudgetError, match="too small for any schedule") as caught:
        trained(source, loss, budget)
    return caught.value


CASES = [
    *[(source, "whole") for source in SOURCES],
    *[(source, loss) for source in ("mask", "lengths") for loss in LOSSES if loss != "whole"],
]


@pytest.mark.long
@pytest.mark.parametrize(("source", "loss"), CASES)
@pytest.mark.one_in(4, "loss")
def test_the_budget_that_is_named_first_is_enough(source: Any, loss: Any) -> None:
    ragged = source == "lengths"
    source, loss = SOURCES[source], LOSSES[loss]
    error = refused(source, loss, "1 kB")
    assert error.least is not None
    longest = "for a batch of the longest sequences; no step was made"
    assert error.__notes__[0].endswith(longest if ragged else "of an epoch; no step was made")
    history = trained(source, loss, error.least)
    assert history.steps == len(list(source))
    assert history.skipped == 0
    assert refused(source, loss, error.least - 1).least == error.least


def test_the_error_names_the_batch_that_needs_most() -> None:
    error = refused(SOURCES["warm-up"], LOSSES["whole"], "1 kB")
    assert "which this loss needs of all steps at once" in str(error)
    assert error.__notes__ == ["for batch 2 of an epoch; no step was made"]
    assert refused(SOURCES["list"], squares, "1 kB").__notes__[0].startswith("for batch 2 of")


def test_so_for_a_generator_whose_first_batch_has_no_weight() -> None:
    """Its later batches are not known, but the loss is."""

    def batches() -> Any:
        for weight in (0.0, 1.0, 1.0):
            yield X[:100, None], X[:100, None], np.full((100, 1), weight)

    error = refused(batches, LOSSES["whole"], "1 kB")
    assert "which this loss needs of all steps at once" in str(error)
    assert error.least is not None
    assert trained(batches, LOSSES["whole"], error.least).weightless == 1


def test_a_plan_is_held_against_all_batches_before_the_first() -> None:
    wide = np.repeat(X[:100, None], 16, axis=1)
    how: dict[str, Any] = {"steps": 100, "batch": 1, "dx": False, "costs": COSTS}
    with pytest.raises(rb.BudgetError) as small:
        rb.plan(model(), squares, **how, budget=1)
    assert small.value.least is not None
    plan = rb.plan(model(), squares, **how, budget=small.value.least)
    with pytest.raises(rb.BudgetError, match="this run would need") as caught:
        trained([(X[:100, None], X[:100, None]), (wide, wide)], squares, plan)
    assert caught.value.__notes__ == ["for batch 1 of an epoch; no step was made"]


class Counted(rb.Sequences):
    """Counts its batches."""

    made = 0

    def batch(self, epoch: int, index: int) -> rb.train.Batch:
        self.made += 1
        return super().batch(epoch, index)


def test_the_same_data_are_looked_at_once() -> None:
    """A loop of single steps takes no longer for it."""
    data, trainer = Counted(ROWS, ROWS, batch_size=5), rb.Trainer(model(), "adam", squares)
    trainer.checkpoint = "1 MB"
    for _ in range(3):
        trainer.fit(data, steps=1)
    assert data.made == 2 + 3
    trainer.checkpoint = "1 kB"
    with pytest.raises(rb.BudgetError) as caught:
        trainer.fit(data, steps=1)
    assert caught.value.__notes__[0].endswith("no step was made")
    other = Counted(ROWS, ROWS, batch_size=5)
    trainer.checkpoint = "1 MB"
    trainer.fit(other, steps=1)
    assert other.made == 2 + 1


def test_another_error_of_a_batch_is_left_to_its_step() -> None:
    good, bad = (X[:9, None], X[:9, None]), (X[:9, None, :2], X[:9, None])
    with pytest.raises(rb.ShapeError) as caught:
        trained([good, bad, (), 3], squares, "1 MB")
    assert "in step 2, batch 1 of epoch 0" in caught.value.__notes__


class Faulty(rb.losses.Loss):
    """Fails when the bytes of a run are counted."""

    def weight(self, target: Any, weights: Any = None, *, outputs: Any) -> float:
        return 1.0

    def summed(self, y: Any, target: Any, weights: Any = None) -> Any:
        return 0.0, np.zeros_like(y)

    def needs(self, item: int, **how: Any) -> tuple[float, int]:
        raise AttributeError("a fault")


def test_a_fault_while_bytes_are_counted_is_not_hidden() -> None:
    with pytest.raises(AttributeError, match="a fault") as caught:
        trained([(X[:9, None], X[:9, None])], Faulty(), "1 MB")
    assert "for batch 0 of an epoch; no step was made" in caught.value.__notes__
