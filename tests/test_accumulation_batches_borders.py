"""Gradients of several batches in one update: state, skipped batches, streams, memory."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.train import Batch
from tests.accumulated import RNG, X, network, sequences
from tests.training import text_run

# State, masks of dropout, what is left out


def test_the_state_goes_on_from_batch_to_batch_and_masks_of_dropout_differ() -> None:
    trainer, data = text_run(accumulate=4, patience=None, learning_rate=0.1, clip_norm=None, validation=None,
                             validate_every=None)  # fmt: skip
    model, seen, state, total = trainer.model, list[Any](), None, 0.0
    trainer.callbacks = [lambda event: seen.append(event.grads)]
    sizes = [data.batch(0, k).x.size for k in range(4)]
    grads = {name: np.zeros_like(p, np.float64) for name, p in model.params.items()}
    for k, seed in enumerate([rb.rng.fold(7, 0), *(rb.rng.fold(7, 0, k) for k in (1, 2, 3))]):
        batch = data.batch(0, k)
        made = rb.bptt(model, batch.x, batch.target, trainer.loss, state=state, chunk=3, seed=seed)
        state, total = made.state, total + made.loss * sizes[k] / sum(sizes)
        for name, g in made.grads.items():
            grads[name] += g * (sizes[k] / sum(sizes))
    assert trainer.fit(data, epochs=1).losses == [pytest.approx(total, rel=1e-6)]
    for name, g in grads.items():
        np.testing.assert_allclose(seen[0][name], g, rtol=1e-4, atol=1e-7)


class Given:
    """Batches as they are given."""

    def __init__(self, *batches: Batch) -> None:
        self.batches, self.batches_per_epoch = batches, len(batches)

    def batch(self, epoch: int, index: int) -> Batch:
        return self.batches[index]


def batch(scale: float = 1.0, mask: Any = None) -> Batch:
    return Batch(X[:2].swapaxes(0, 1), X[:2, :, :1].swapaxes(0, 1) * scale, mask, True)


@pytest.mark.long
def test_batches_without_weight_count_for_nothing() -> None:
    none = np.zeros((5, 2))
    one, other = network(), network()
    loss = rb.losses.MeanSquaredError()
    found = rb.fit(
        one, Given(batch(mask=none), batch(), batch(mask=none)), loss, "sgd", epochs=1, accumulate=3
    )
    assert found.losses == rb.fit(other, Given(batch()), loss, "sgd", epochs=1).losses
    assert all(np.array_equal(p, other.params[name]) for name, p in one.params.items())
    before = one.params.copy()
    assert rb.fit(one, Given(batch(mask=none)), loss, "sgd", epochs=1, accumulate=2).weightless == 1
    assert one.params == before


def test_an_update_with_a_batch_that_is_not_finite_is_left_out() -> None:
    """The next begins with the batch after that one."""
    model, loss = network(), rb.losses.MeanSquaredError()
    data = Given(batch(), batch(np.nan), batch(), batch())
    history = rb.fit(model, data, loss, "sgd", epochs=1, accumulate=3, on_nonfinite="skip")
    other = network()
    assert np.isnan(history.losses[0])
    assert (
        history.losses[1:]
        == rb.fit(other, Given(batch(), batch()), loss, "sgd", epochs=1, accumulate=2).losses
    )


def test_an_error_says_which_batch_and_the_update_is_made_again() -> None:
    model = network()
    trainer = rb.Trainer(model, rb.optim.SGD(model), rb.losses.MeanSquaredError(), accumulate=3)
    with pytest.raises(ValueError, match="target has nan") as caught:
        trainer.fit(Given(batch(), batch(np.nan), batch()), epochs=1)
    assert caught.value.__notes__[:2] == [
        "in number 2 of the batches of this update",
        "in step 1, batch 0 of epoch 0",
    ]
    other = network()
    whole = rb.fit(
        other, Given(batch(), batch(), batch()), trainer.loss, "sgd", epochs=1, accumulate=3
    )
    assert trainer.fit(Given(batch(), batch(), batch()), epochs=1).losses == whole.losses


def test_iterables_of_unknown_length() -> None:
    items = [(b.x, b.target) for b in sequences(2, X[..., :1])]
    one, other = network(), network()
    loss = rb.losses.MeanSquaredError()
    found = rb.fit(one, lambda: iter(items), loss, "adam", epochs=2, accumulate=3)
    assert found.losses == rb.fit(other, items, loss, "adam", epochs=2, accumulate=3).losses
    assert found.steps == 6


@pytest.mark.parametrize(
    ("value", "error"), [(0, ValueError), (1.5, TypeError), (True, TypeError), (None, TypeError)]
)
def test_what_is_no_number_of_batches(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="Trainer: accumulate must be"):
        text_run(accumulate=value)


def test_streams_are_refused_before_anything_changes() -> None:
    data = Given(Batch(iter([X[:2].swapaxes(0, 1)]), X[:2, :, :1].swapaxes(0, 1), None, True))  # type: ignore[arg-type]
    model = network()
    with pytest.raises(ValueError, match="accumulate needs batches in memory"):
        rb.fit(model, data, rb.losses.MeanSquaredError(), "sgd", epochs=1, accumulate=2)
    assert model.params == network().params


# Memory


def test_the_second_copy_is_within_the_budget() -> None:
    """The least budget has room for it, and holds; a plan says so too."""
    x = RNG.normal(size=(8, 30, 4)).astype(np.float32)
    data = rb.Sequences(x, x[..., :1].copy(), batch_size=2)
    model = rb.Sequential(
        rb.Dense(4, 400, rng=0), rb.Tanh(), rb.Dense(400, 300, rng=1), rb.Dense(300, 1, rng=2)
    )
    optimizer, loss = rb.optim.Adam(model), rb.losses.MeanSquaredError()
    size = sum(p.nbytes for p in model.params.values())
    least = {}
    for accumulate in (1, 4):
        with pytest.raises(
            rb.BudgetError, match=r"bytes are enough, .* the optimiser's state takes"
        ) as caught:
            rb.Trainer(model, optimizer, loss, checkpoint="10 kB", accumulate=accumulate).fit(
                data, steps=1
            )
        least[accumulate] = caught.value.least or 0
    assert least[4] - least[1] == pytest.approx(size, rel=0.02)
    with pytest.raises(rb.BudgetError, match=rf"; {least[4]:,} bytes are enough"):
        rb.plan(
            model,
            loss,
            steps=30,
            batch=2,
            budget=10_000,
            dx=False,
            optimizer=optimizer,
            accumulate=4,
        )
    trainer = rb.Trainer(model, optimizer, loss, checkpoint=least[4], accumulate=4, progress=False)
    trainer.fit(data, steps=1)
    rb.release_memory()
    gc.collect()
    tracemalloc.start()
    try:
        trainer.fit(data, steps=1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak + optimizer.nbytes <= least[4]
    assert peak > 2 * size
