"""Gradients of several batches in one update: values, steps, going on."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.accumulated import RNG, X, network, sequences
from tests.training import lines, outcome, text_run

LENGTHS = RNG.random((14, 5)) < 0.7

LENGTHS[:, 0] = True

LABELS = RNG.integers(0, 3, (14, 5))


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
    """14 rows in batches of 2, two updates of 3 and one of the rest, against 6, 6 and 2 rows."""
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


@pytest.mark.long
@pytest.mark.parametrize("stop", [1, 4, 7])
def test_a_run_that_is_stopped_after_any_update_ends_with_the_same_bits(
    tmp_path: Path, stop: int
) -> None:
    """Windows with a carried state, dropout, OnPlateau; 4 batches an epoch, as 3 and 1."""
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
