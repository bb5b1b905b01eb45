"""A resumed run on other data says what of them differs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.storage import StorageError, load_tensors, save_tensors

MSE = rb.losses.MeanSquaredError()
RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 4, 2)).astype(np.float32)
Y, MASK = X[..., :1].copy(), RNG.integers(0, 2, (10, 4)) + 1.0
FLAT = X.reshape(40, 2)


def trainer(folder: Path) -> rb.Trainer:
    model = rb.Sequential(rb.Dense(2, 3, rng=0), rb.Tanh(), rb.Dense(3, 1, rng=1))
    return rb.Trainer(model, "adam", MSE, folder=folder)


def sequences(x: Any = X, target: Any = Y, **given: Any) -> rb.Sequences:
    return rb.Sequences(x, target, **({"batch_size": 2, "mask": MASK} | given))


def windows(x: Any = FLAT, **given: Any) -> rb.Windows:
    return rb.Windows(x, FLAT[:, :1], **({"horizon": 4, "batch_size": 2} | given))


def recordings(*ends: int) -> rb.Windows:
    x = [FLAT[:20], *(FLAT[:end] for end in ends)]
    return rb.Windows(x, [each[:, :1] for each in x], horizon=4, batch_size=2, recordings=True)


OTHER: dict[str, tuple[Any, Any, str]] = {
    "x": (sequences(), sequences(X + 1), "other data: x has other values; give"),
    "its last number": (
        sequences(),
        sequences(np.where(np.arange(80).reshape(10, 4, 2) == 79, np.float32(7), X)),
        "other data: x has other values; give",
    ),
    "target": (sequences(), sequences(target=-Y), "other data: target has other values; give"),
    "mask": (sequences(), sequences(mask=MASK + 1), "other data: mask has other values; give"),
    "no mask": (
        sequences(),
        sequences(mask=None),
        r"other data: mask was float64\(10, 4\), is None; give",
    ),
    "batch_size": (
        sequences(),
        sequences(batch_size=5),
        "other data: batch_size was 2, is 5; give",
    ),
    "shuffle": (
        sequences(),
        sequences(shuffle=False),
        "other data: shuffle was True, is False; give",
    ),
    "seed": (sequences(), sequences(seed=3), "other data: seed was 0, is 3; give"),
    "several": (
        sequences(),
        sequences(X[:8].astype("f8"), Y[:8], mask=MASK[:8], seed=1),
        r"data: seed was 0, is 1; x was float32\(10, 4, 2\), is float64\(8, 4, 2\); target was .*; "
        r"mask was .*; give",
    ),
    "examples": (
        rb.Examples(FLAT, FLAT[:, :1], batch_size=4),
        rb.Examples(FLAT, -FLAT[:, :1], batch_size=4),
        "other data: target has other values; give",
    ),
    "a horizon": (windows(), windows(horizon=5), "other data: horizon was 4, is 5; give"),
    "a stream": (windows(), windows(FLAT[::-1].copy()), "other data: x has other values; give"),
    "recordings": (
        recordings(20),
        recordings(20, 12),
        r"other data: x was 2 arrays, the first float32\(20, 2\), is 3 arrays, the first .*; "
        r"target was 2 arrays",
    ),
    "another kind": (
        sequences(),
        windows(),
        "other data: Sequences of 5 batches, .*, not Windows of 5 batches, ",
    ),
}


@pytest.mark.parametrize("case", OTHER)
def test_what_differs_is_named(tmp_path: Path, case: str) -> None:
    first, other, message = OTHER[case]
    trainer(tmp_path).fit(first, steps=1)
    with pytest.raises(ValueError, match=message):
        trainer(tmp_path).resume().fit(other, steps=2)


def test_other_data_on_purpose_are_the_runs_own(tmp_path: Path) -> None:
    trainer(tmp_path).fit(sequences(), steps=1)
    other = sequences(seed=1)
    trainer(tmp_path).resume(override=("data",)).fit(other, steps=2)
    assert trainer(tmp_path).resume().fit(other, until_steps=3).steps == 3
    with pytest.raises(ValueError, match="other data: seed was 1, is 0; give"):
        trainer(tmp_path).resume().fit(sequences(), until_steps=4)


def changed(folder: Path, parts: Any) -> None:
    file = folder / "snapshot.safetensors"
    arrays, metadata = load_tensors(file)
    assert metadata.pop("parts")
    save_tensors(file, arrays, metadata | parts)


def test_a_snapshot_of_before(tmp_path: Path) -> None:
    trainer(tmp_path).fit(sequences(), steps=1)
    changed(tmp_path, {})
    with pytest.raises(
        ValueError, match=r"other data: Sequences of 5 batches, .*, not Sequences of 5 batches, "
    ):
        trainer(tmp_path).resume().fit(sequences(seed=1), steps=2)
    assert trainer(tmp_path).resume().fit(sequences(), steps=2).steps == 2
    with pytest.raises(ValueError, match="seed was 0, is 1"):
        trainer(tmp_path).resume().fit(sequences(seed=1), steps=3)


@pytest.mark.parametrize("parts", [{"x": 3}, [], "x"])
def test_parts_that_are_none(tmp_path: Path, parts: Any) -> None:
    trainer(tmp_path).fit(sequences(), steps=1)
    changed(tmp_path, {"parts": parts})
    with pytest.raises(StorageError, match="parts"):
        trainer(tmp_path).resume()
