"""Sources of a person's own, without a fingerprint: a resumed run compares some batches."""

from __future__ import annotations

import dataclasses
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.storage import load_tensors, save_tensors
from rnnbp.train import Batch

N, T, F = 8, 5, 3


class Own:
    """Four batches an epoch; ``change`` is applied to one of them."""

    batches_per_epoch = 4

    def __init__(self, change: Callable[[Batch], Batch] | None = None, at: int = 0) -> None:
        rng = np.random.default_rng(0)
        self.x = rng.normal(size=(4, T, 2, F)).astype(np.float32)
        self.change, self.at, self.asked = change, at, list[tuple[int, int]]()

    def batch(self, epoch: int, index: int) -> Batch:
        self.asked.append((epoch, index))
        x = self.x[index]
        batch = Batch(x, x[..., :1], np.ones(x.shape[:2]), fresh=True)
        return self.change(batch) if self.change and index == self.at else batch


def trainer(folder: Path | None, **options: Any) -> rb.Trainer:
    model = rb.Sequential(rb.RNN(F, 4, rng=0), rb.Dense(4, 1, rng=1))
    optimizer = rb.optim.Adam(model)
    return rb.Trainer(model, optimizer, rb.losses.MeanSquaredError(), folder=folder, **options)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of six steps."""
    folder = tmp_path_factory.mktemp("runs") / "begun"
    trainer(folder).fit(Own(), steps=6)
    return folder


@pytest.fixture
def run(begun: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(begun, tmp_path / "run"))


def test_the_same_data_go_on_to_the_same_bits(run: Path) -> None:
    whole, resumed = trainer(None), trainer(run).resume()
    assert resumed.fit(Own(), steps=10).losses == whole.fit(Own(), steps=10).losses
    for name, p in whole.model.params.items():
        np.testing.assert_array_equal(resumed.model.params[name], p)


def changed(**fields: Callable[[Any], Any]) -> Callable[[Batch], Batch]:
    """A function that changes fields of a batch."""
    return lambda b: dataclasses.replace(b, **{k: f(getattr(b, k)) for k, f in fields.items()})


OTHERS: dict[str, tuple[Callable[[Batch], Batch], int]] = {
    "one number of x": (changed(x=lambda x: np.where(np.arange(F) == 2, x, x + 1e-6)), 0),
    "the target": (changed(target=lambda t: -t), 1),
    "no target": (changed(target=lambda _: None), 1),
    "the mask": (changed(mask=lambda m: m * 0.5), 3),
    "no mask": (changed(mask=lambda _: None), 3),
    "whether it is fresh": (changed(fresh=lambda _: False), 1),
    "the dtype": (changed(x=lambda x: x.astype(np.float64)), 0),
    "the order": (changed(x=lambda x: x[:, ::-1]), 0),
}


@pytest.mark.parametrize("case", OTHERS)
def test_other_data_are_refused(run: Path, case: str) -> None:
    resumed = trainer(run).resume()
    before = {name: p.copy() for name, p in resumed.model.params.items()}
    at = OTHERS[case][1]
    match = rf"began on other data: batch {at} of epoch 0 differs.*override=\('data',\)"
    with pytest.raises(ValueError, match=match):
        resumed.fit(Own(*OTHERS[case]), steps=10)
    for name, p in resumed.model.params.items():
        np.testing.assert_array_equal(before[name], p)


def test_other_data_on_purpose(run: Path) -> None:
    other = Own(*OTHERS["the target"])
    assert trainer(run).resume(override=("data",)).fit(other, steps=10).steps == 10
    assert trainer(run).resume().fit(other, steps=11).steps == 11  # they are the run's now


def test_batches_are_asked_for_once_more(run: Path) -> None:
    data, resumed = Own(), trainer(run).resume()
    resumed.fit(data, steps=7)
    assert data.asked == [(0, 0), (0, 1), (0, 3), (1, 2)]  # of updates 1, 2, 4, and then the 7th
    resumed.fit(data, until_steps=8)
    assert data.asked[4:] == [(1, 3)]


def test_other_validation_data_are_refused(tmp_path: Path) -> None:
    options = {"validate_every": 2}
    trainer(tmp_path / "v", validation=Own(), **options).fit(Own(), steps=4)
    resumed = trainer(tmp_path / "v", validation=Own(), **options).resume()
    assert resumed.fit(Own(), steps=5).steps == 5
    resumed = trainer(tmp_path / "v", validation=Own(*OTHERS["no mask"][:1]), **options).resume()
    with pytest.raises(ValueError, match=r"other validation data: batch 0.*'validation'"):
        resumed.fit(Own(), steps=6)
    override = trainer(tmp_path / "v", validation=Own(*OTHERS["no mask"][:1]), **options)
    assert override.resume(override=("validation",)).fit(Own(), steps=6).steps == 6


class Once(Own):
    """An iterator: it gives the next batch whatever it is asked for."""

    place = 0

    def __next__(self) -> Batch:
        self.place += 1
        return super().batch(0, self.place % 4)

    def __iter__(self) -> Iterator[Batch]:
        return self

    def batch(self, epoch: int, index: int) -> Batch:
        return next(self)


class Drawn(Own):
    """Draws a new batch in each call."""

    def __init__(self) -> None:
        super().__init__(changed(x=lambda x: self.rng.normal(size=x.shape).astype(np.float32)))
        self.rng = np.random.default_rng()


class Pieces(Own):
    """Batches that are streams."""

    def batch(self, epoch: int, index: int) -> Batch:
        found = super().batch(epoch, index)
        return Batch(iter([found.x]), iter([found.target]), None, fresh=True)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "why"),
    [(Once, "comes once"), (Pieces, "comes once"), (Drawn, "returns a different batch")],
)
def test_what_cannot_be_compared_is_warned_of(kind: Any, why: str, tmp_path: Path) -> None:
    trainer(tmp_path / "r").fit(kind(), steps=5)
    resumed = trainer(tmp_path / "r").resume()
    with pytest.warns(RuntimeWarning, match=f"the source of the resumed run {why}") as found:
        assert resumed.fit(kind(), steps=6).steps == 6
    assert [str(w.filename) for w in found] == [__file__]


def test_a_source_with_a_fingerprint_is_not_asked_again(tmp_path: Path) -> None:
    def data() -> Own:
        found = Own()
        found.fingerprint = "the first"  # type: ignore[attr-defined]  # a source may have one
        return found

    trainer(tmp_path / "r").fit(data(), steps=5)
    again = data()
    trainer(tmp_path / "r").resume().fit(again, steps=6)
    assert again.asked == [(1, 1)]


def test_a_snapshot_of_before_has_no_batches(run: Path) -> None:
    file = run / "snapshot.safetensors"
    arrays, metadata = load_tensors(file)
    assert len(metadata.pop("batches")) == 3
    save_tensors(file, arrays, metadata)
    with warnings.catch_warnings(action="error"):
        assert trainer(run).resume().fit(Own(*OTHERS["the target"]), steps=7).steps == 7


@pytest.mark.parametrize(
    "batches", [{"data 0 0": 1}, {"elsewhere": "x"}, [], {"data -1 0": "x"}, 3]
)
def test_batches_that_cannot_be(run: Path, batches: Any) -> None:
    file = run / "snapshot.safetensors"
    arrays, metadata = load_tensors(file)
    save_tensors(file, arrays, metadata | {"batches": batches})
    with pytest.raises(rb.StorageError, match="batches must be"):
        trainer(run).resume()


@pytest.mark.quick
def test_an_error_of_the_source_says_what_it_was_asked_for(run: Path) -> None:
    def away(batch: Batch) -> Batch:
        raise OSError("the server is away")

    with pytest.raises(OSError, match="away") as found:
        trainer(run).resume().fit(Own(away), steps=10)
    assert "in batch 0 of epoch 0, which was to be compared" in found.value.__notes__[0]
