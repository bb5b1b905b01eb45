"""Updates from several batches: the loss and the gradients are those of one batch of all their rows."""

from __future__ import annotations

import copy
import gc
import pickle
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.train import Batch
from tests.training import lines, outcome, text_run

RNG = np.random.default_rng(0)
X = RNG.normal(size=(14, 5, 2))
LENGTHS = RNG.random((14, 5)) < 0.7
LENGTHS[:, 0] = True
LABELS = RNG.integers(0, 3, (14, 5))


def network(outputs: int = 1) -> rb.Sequential:
    options: dict[str, Any] = {"dtype": "float64"}
    return rb.Sequential(
        rb.Dense(2, 4, rng=0, **options), rb.Tanh(), rb.Dense(4, outputs, rng=1, **options)
    )


def sequences(size: int, target: Any, **options: Any) -> rb.Sequences:
    return rb.Sequences(X, target, batch_size=size, shuffle=False, **options)


LOSSES: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "mean of squares": (rb.losses.MeanSquaredError(), X[..., :1], {}),
    "with a mask": (rb.losses.MeanSquaredError(), X[..., :1], {"mask": LENGTHS}),
    "weights": (rb.losses.Huber(0.3), X[..., :1], {"mask": LENGTHS * RNG.random((14, 5))}),
    "the last step": (rb.losses.CrossEntropy(), LABELS[:, 0], {"mask": LENGTHS, "last": True}),
    "per step": (
        rb.losses.PerStep(lambda y, t: ((y - t) ** 2, 2 * (y - t))),
        X[..., :1],
        {"mask": LENGTHS},
    ),
    "of y alone": (rb.losses.PerStep(lambda y, t: (y**2, 2 * y)), None, {"mask": LENGTHS}),
    "weights of classes": (rb.losses.CrossEntropy([0.2, 1, 3]), LABELS, {"mask": LENGTHS}),
}


@pytest.mark.quick
@pytest.mark.parametrize("case", LOSSES)
def test_three_batches_are_as_one_of_all_their_rows(case: str) -> None:
    """14 rows: of 2, two updates of 3 batches, and the rest of one; against batches of 6, 6 and 2."""
    loss, target, options = LOSSES[case]
    runs = []
    for size, accumulate in ((6, 1), (2, 3)):
        model, seen = (
            network(1 if target is not LABELS and options.get("last") is None else 3),
            list[Any](),
        )
        note = [lambda event, seen=seen: seen.append(event.grads) if event.kind == "step" else None]
        trainer = rb.Trainer(
            model,
            rb.optim.SGD(model, 0.1, momentum=0.9),
            loss,
            callbacks=note,
            accumulate=accumulate,
            clip_norm=0.5,
        )
        runs.append((trainer.fit(sequences(size, target, **options), epochs=2), seen, model))
    (whole, expected, one), (parts, found, other) = runs
    assert parts.steps == whole.steps == 6
    np.testing.assert_allclose(parts.losses, whole.losses, rtol=1e-12)
    for a, b in zip(found, expected, strict=True):
        for name in b:
            np.testing.assert_allclose(a[name], b[name], rtol=1e-9, atol=1e-14)
    for name, p in one.params.items():
        np.testing.assert_allclose(other.params[name], p, rtol=1e-10, atol=1e-14)


def test_metrics_are_of_all_batches_of_the_update() -> None:
    found = []
    for size, accumulate in ((6, 1), (2, 3)):
        data, model = sequences(size, X[..., :1], mask=LENGTHS), network()
        options: dict[str, Any] = {"accumulate": accumulate, "metrics": ["mae"]}
        found.append(
            rb.fit(model, data, rb.losses.MeanSquaredError(), "sgd", epochs=1, **options).metrics[
                "mae"
            ]
        )
    np.testing.assert_allclose(found[1], found[0], rtol=1e-12)


def test_of_a_function_the_mean_is_taken() -> None:
    losses = []

    def summed(y: Any, target: Any) -> Any:
        losses.append(float(((y - target) ** 2).sum()))
        return losses[-1], 2 * (y - target)

    model, seen = network(), list[Any]()
    note = [lambda event: seen.append(event.grads)]
    grads = [
        rb.bptt(model, b.x, b.target, summed).grads for b in list(sequences(2, X[..., :1]))[:4]
    ]
    losses.clear()
    history = rb.fit(
        model,
        sequences(2, X[..., :1]),
        summed,
        "sgd",
        steps=1,
        accumulate=4,
        callbacks=note,
        chunk=5,
    )
    assert history.losses == [pytest.approx(np.mean(losses), rel=1e-14)]
    for name, g in seen[0].items():
        np.testing.assert_allclose(
            g, np.mean([each[name] for each in grads], 0), rtol=1e-12, atol=1e-15
        )


def test_an_update_from_one_batch_has_the_bits_of_today() -> None:
    """Of a remainder of one batch too."""
    one, data = text_run(patience=None, learning_rate=0.01)
    many, _ = text_run(patience=None, learning_rate=0.01, accumulate=1)
    assert one.fit(data, epochs=2).losses == many.fit(data, epochs=2).losses
    last = RNG.normal(size=(1, 5, 2))
    data = rb.Sequences(last, last[..., :1], batch_size=1)
    models = [network(), network()]
    losses = [
        rb.fit(model, data, rb.losses.MeanSquaredError(), "adam", epochs=3, accumulate=n).losses
        for model, n in zip(models, (1, 5), strict=True)
    ]
    assert losses[0] == losses[1]
    assert all(np.array_equal(p, models[1].params[name]) for name, p in models[0].params.items())


# Steps, epochs, and going on


def test_steps_are_updates_everywhere(tmp_path: Path) -> None:
    model, seen = network(), list[tuple[str, int]]()
    trainer = rb.Trainer(
        model,
        rb.optim.SGD(model),
        rb.losses.MeanSquaredError(),
        accumulate=3,
        learning_rate=lambda step: 1 / (1 + step),
        validation=sequences(7, X[..., :1]),
        folder=tmp_path,
        callbacks=[lambda event: seen.append((event.kind, event.metrics["step"]))],
    )
    history = trainer.fit(sequences(2, X[..., :1]), epochs=2)  # of 7 batches: updates of 3, 3 and 1
    assert history.steps == 6
    assert history.validation_steps == [3, 6]
    assert [line["lr"] for line in lines(tmp_path)] == [1 / n for n in range(1, 7)]
    assert [line["epoch"] for line in lines(tmp_path)] == [0, 0, 0, 1, 1, 1]
    assert [step for kind, step in seen if kind == "epoch"] == [3, 6]
    assert trainer.optimizer.steps == 6
    assert trainer.fit(sequences(2, X[..., :1]), steps=4).steps == 10


@pytest.mark.parametrize("stop", [1, 4, 7])
def test_a_run_that_is_stopped_after_any_update_ends_with_the_same_bits(
    tmp_path: Path, stop: int
) -> None:
    """Windows with a carried state, dropout, OnPlateau: 4 batches an epoch, updates of 3 and of 1."""
    whole, data = text_run(folder=tmp_path / "whole", accumulate=3)
    whole.fit(data, epochs=4)
    trainer, data = text_run(folder=tmp_path / "run", accumulate=3)
    trainer.fit(data, steps=stop)
    trainer, data = text_run(folder=tmp_path / "run", accumulate=3)
    assert trainer.resume().fit(data, epochs=4).steps == 8
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")


def test_it_is_part_of_what_a_run_is(tmp_path: Path) -> None:
    """Snapshots that do not say how many were made from one."""
    trainer, data = text_run(folder=tmp_path, accumulate=2)
    trainer.fit(data, steps=1)
    with pytest.raises(ValueError, match="accumulate was 2, is 1"):
        text_run(folder=tmp_path)[0].resume()
    assert (
        text_run(folder=tmp_path)[0].resume(override=("accumulate",)).fit(data, steps=2).steps == 2
    )
    arrays, metadata = rb.storage.load_tensors(tmp_path / "snapshot.safetensors")
    del metadata["identity"]["accumulate"]
    rb.storage.save_tensors(tmp_path / "snapshot.safetensors", arrays, metadata)
    with pytest.raises(ValueError, match="accumulate was 1, is 2"):
        text_run(folder=tmp_path, accumulate=2)[0].resume()
    assert text_run(folder=tmp_path)[0].resume().at.step == 2


def test_it_may_be_set_between_two_fits() -> None:
    model = network()
    trainer = rb.Trainer(model, rb.optim.SGD(model), rb.losses.MeanSquaredError())
    trainer.fit(sequences(2, X[..., :1]), steps=2)
    trainer.accumulate = 4
    assert (
        trainer.fit(sequences(2, X[..., :1]), until_epochs=2).steps == 2 + 2 + 2
    )  # 5 batches are left, then 7


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))], ids=["copy", "pickle"]
)
def test_a_copy_goes_on_alike(copied: Callable[[rb.Trainer], rb.Trainer]) -> None:
    trainer, data = text_run(accumulate=2)
    trainer.fit(data, steps=1)
    other = copied(trainer)
    assert other.fit(data, until_steps=3).losses == trainer.fit(data, until_steps=3).losses


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
            rb.BudgetError, match=r"bytes\) are enough, .* of them for the optimiser"
        ) as caught:
            rb.Trainer(model, optimizer, loss, checkpoint="10 kB", accumulate=accumulate).fit(
                data, steps=1
            )
        least[accumulate] = caught.value.least or 0
    assert least[4] - least[1] == pytest.approx(size, rel=0.02)
    with pytest.raises(rb.BudgetError, match=rf"\({least[4]:,} bytes\) are enough"):
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
