"""Iterables as data: they train and resume as sources do."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.train import Batch
from tests.iterables import ITEMS, RNG, B, F, N, T, trainer


class Own:
    """The source that all of these are compared with."""

    batches_per_epoch = N

    def batch(self, epoch: int, index: int) -> Batch:
        return Batch(*ITEMS[index])


class Two(Own):
    batches_per_epoch = 2


class Loader:
    """As a loader of another library: it has no length, and is iterated anew."""

    def __iter__(self) -> Iterator[Any]:
        return iter([list(item) for item in ITEMS])


class Sized(Loader):
    def __len__(self) -> int:
        return N


def batches(epoch: int) -> Iterator[Any]:
    assert epoch in (0, 1, 2)
    yield from ITEMS


def endless() -> Iterator[Any]:
    while True:
        yield from ITEMS


SOURCES: dict[str, Callable[[], Any]] = {
    "list": lambda: ITEMS,
    "Batches": lambda: [Batch(*item) for item in ITEMS],
    "loader": Loader,
    "loader with a length": Sized,
    "function of the epoch": lambda: batches,
    "function": lambda: lambda: iter(ITEMS),
    "endless": lambda: rb.Batches(endless(), batches_per_epoch=N),
    "with masks": lambda: [(*item, np.ones((T, B))) for item in ITEMS],
}


@pytest.mark.parametrize("name", SOURCES)
def test_they_train_as_a_source_does(name: str) -> None:
    seen: list[tuple[str, int]] = []
    options = {"callbacks": [lambda e: seen.append((e.kind, e.metrics["step"]))]}
    found = trainer(validation=ITEMS[:2], **options).fit(SOURCES[name](), epochs=2)
    expected = trainer(validation=Two()).fit(Own(), epochs=2)
    assert found.losses == pytest.approx(expected.losses, rel=1e-12)
    assert [step for kind, step in seen if kind == "epoch"] == [4, 8]
    assert len(found.validation_losses) == 2
    assert found.validation_losses[0] == pytest.approx(expected.validation_losses[0], rel=1e-12)


QUICK = ("loader", "function of the epoch", "endless")

RESUMED = [pytest.param(name, marks=[pytest.mark.long] * (name not in QUICK)) for name in SOURCES]


@pytest.mark.parametrize("name", RESUMED)
def test_a_resumed_run_passes_over_what_it_has_seen(name: str, tmp_path: Path) -> None:
    whole = trainer()
    whole.fit(SOURCES[name](), steps=7)
    trainer(tmp_path).fit(SOURCES[name](), steps=5)
    resumed = trainer(tmp_path).resume()
    with _warns_of_iterators(name):
        resumed.fit(SOURCES[name](), steps=7)
    for key, p in whole.model.params.items():
        np.testing.assert_array_equal(resumed.model.params[key], p)


def _warns_of_iterators(name: str) -> Any:
    context = {"endless": pytest.warns(RuntimeWarning, match="comes once")}
    return context.get(name, pytest.MonkeyPatch.context())


@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("name", ["loader", "function", "with masks"])
def test_updates_from_several_batches(name: str, accumulate: int) -> None:
    found = trainer(accumulate=accumulate).fit(SOURCES[name](), epochs=2)
    expected = trainer(accumulate=accumulate).fit(Own(), epochs=2)
    assert found.losses == pytest.approx(expected.losses, rel=1e-12)


def failing_once() -> Callable[..., tuple[float, Any]]:
    """A loss that raises at its second call."""
    calls: list[int] = []

    def flaky(y: Any, target: Any) -> tuple[float, Any]:
        calls.append(1)
        if len(calls) == 2:
            raise OSError("disk")
        return float(((y - target) ** 2).sum()), 2 * (y - target)

    return flaky


def test_a_batch_of_a_generator_can_be_asked_for_again_after_an_error() -> None:
    layers = rb.LSTM(F, 4, dtype="float64", rng=0), rb.Dense(4, 1, dtype="float64", rng=1)
    model = rb.Sequential(*layers)
    one, given = rb.Trainer(model, rb.optim.Adam(model), failing_once()), iter(ITEMS)
    with pytest.raises(OSError, match="disk"):
        one.fit(given, epochs=1)
    assert one.fit(given, until_epochs=1).steps == N


def test_an_endless_generator_is_passed_over_from_its_beginning(tmp_path: Path) -> None:
    def growing() -> Iterator[Any]:
        for k in range(1, 100):
            yield ITEMS[0][0] * k, ITEMS[0][1]

    whole = trainer().fit(rb.Batches(growing(), batches_per_epoch=3), steps=8)
    trainer(tmp_path).fit(rb.Batches(growing(), batches_per_epoch=3), steps=7)
    with pytest.warns(RuntimeWarning, match="comes once"):
        resumed = (
            trainer(tmp_path)
            .resume()
            .fit(rb.Batches(growing(), batches_per_epoch=3), until_steps=8)
        )
    assert resumed.losses == whole.losses


def test_other_batches_are_refused_when_a_run_goes_on(tmp_path: Path) -> None:
    trainer(tmp_path).fit(ITEMS, steps=3)
    with pytest.raises(ValueError, match="began on other data: batch 0 of epoch 0 differs"):
        trainer(tmp_path).resume().fit(ITEMS[::-1], steps=4)


def test_a_loader_that_shuffles_by_itself_is_warned_of_when_a_run_goes_on(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)

    class Shuffling:
        def __iter__(self) -> Iterator[Any]:
            return iter([(x + rng.normal(), target) for x, target in ITEMS])

    trainer(tmp_path).fit(Shuffling(), steps=3)
    with pytest.warns(RuntimeWarning, match="returns a different batch"):
        assert trainer(tmp_path).resume().fit(Shuffling(), until_steps=5).steps == 5


def test_a_generator_serves_one_epoch() -> None:
    one = trainer()
    assert (
        one.fit((item for item in ITEMS), epochs=1).losses == trainer().fit(Own(), epochs=1).losses
    )
    with pytest.raises(
        ValueError, match=r"comes once .* serves one epoch; give a list, a function of the epoch"
    ):
        trainer().fit((item for item in ITEMS), epochs=2)


def test_a_second_fit_goes_on_with_the_same_generator() -> None:
    one, whole = trainer(), trainer().fit(Own(), steps=4)
    given = iter(ITEMS)
    one.fit(given, steps=1)
    assert one.fit(given, until_steps=4).losses == whole.losses


def test_a_new_generator_for_each_epoch() -> None:
    one, whole = trainer(), trainer()
    whole.fit(Own(), steps=8)
    one.fit(iter(ITEMS), steps=4)
    one.fit(iter(ITEMS), until_steps=8)
    for key, p in whole.model.params.items():
        np.testing.assert_array_equal(one.model.params[key], p)
    two = trainer()
    two.fit(rb.Batches(endless(), batches_per_epoch=N), steps=4)
    two.fit(rb.Batches(iter(ITEMS), batches_per_epoch=N), until_steps=8)
    for key, p in whole.model.params.items():
        np.testing.assert_array_equal(two.model.params[key], p)


def test_batch_first_loaders_with_a_label_for_each_sequence() -> None:
    x, labels = RNG.normal(size=(7, T, F)), np.arange(7) % 3
    mask = np.arange(T) < np.array([5, 2, 3, 1, 5, 4, 2])[:, None]
    loader = [(x[k : k + 3], labels[k : k + 3], mask[k : k + 3]) for k in (0, 3, 6)]
    expected = rb.Sequences(x, labels, mask=mask, last=True, shuffle=False, batch_size=3)
    for found, other in zip(rb.Batches(loader, batch_first=True, last=True), expected, strict=True):
        for name in Batch.__slots__:
            np.testing.assert_array_equal(getattr(found, name), getattr(other, name))


@pytest.mark.quick
@pytest.mark.parametrize("batch_first", [True, False])
def test_lengths_in_the_place_of_a_mask(batch_first: bool) -> None:
    x, steps, lengths = (
        RNG.normal(size=(6, T, F)),
        RNG.normal(size=(6, T, 1)),
        np.array([5, 2, 3, 1, 5, 4]),
    )
    axes = (0, 1, 2) if batch_first else (1, 0, 2)
    item = x.transpose(axes), steps.transpose(axes), lengths
    found = rb.Batches([item], batch_first=batch_first).batch(0, 0)
    expected = rb.Sequences(x, steps, lengths=lengths, shuffle=False, batch_size=6).batch(0, 0)
    for name in Batch.__slots__:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_batch_first_targets_of_each_step() -> None:
    turned = [tuple(a.swapaxes(0, 1) for a in item) for item in ITEMS]
    for found, (x, target) in zip(rb.Batches(turned, batch_first=True), ITEMS, strict=True):
        np.testing.assert_array_equal(found.x, x)
        np.testing.assert_array_equal(found.target, target)


def test_batches_that_carry_their_state() -> None:
    x = RNG.normal(size=(60, F))
    data = rb.Windows(x, x[:, :1], horizon=5, batch_size=2)
    items = rb.Batches([(b.x, b.target) for b in data], carry=True)
    assert trainer().fit(items, epochs=2).losses == trainer().fit(data, epochs=2).losses


def test_loaders_of_torch() -> None:
    torch = pytest.importorskip("torch")
    x, labels = torch.randn(10, T, F, dtype=torch.float64), torch.arange(10) % 3
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, labels), batch_size=4)
    model = rb.Sequential(
        rb.GRU(F, 4, dtype="float64", rng=0), rb.Dense(4, 3, dtype="float64", rng=1)
    )
    again = copy.deepcopy(model)
    loss = rb.losses.CrossEntropy()
    found = rb.fit(model, rb.Batches(loader, batch_first=True, last=True), loss, epochs=2)
    expected = rb.Sequences(x.numpy(), labels.numpy(), last=True, shuffle=False, batch_size=4)
    assert found.losses == rb.fit(again, expected, loss, epochs=2).losses


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_trainers_can_be_copied_between_calls(copied: Callable[[rb.Trainer], rb.Trainer]) -> None:
    one = trainer()
    one.fit((item for item in ITEMS), steps=2)
    assert copied(one).fit(ITEMS, until_steps=3).losses == trainer().fit(Own(), steps=3).losses
