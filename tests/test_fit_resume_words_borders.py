"""What rb.fit says of a run that resumes: the cures are calls of fit, each difference comes once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

X, LABELS = np.ones((4, 5, 3), "float32"), np.zeros((4, 5), int)
DATA = rb.Sequences(X, LABELS, batch_size=2)
CROSS = rb.losses.CrossEntropy


def script(folder: Path, loss: Any = None, data: Any = DATA, **options: Any) -> rb.History:
    loss = loss or CROSS()
    return rb.fit(rb.Dense(3, 2, rng=0), data, loss, folder=folder, progress=False, **options)


def refusal(folder: Path, **options: Any) -> str:
    with pytest.raises(ValueError, match="resume=True") as caught:
        script(folder, epochs=2, **options)
    assert "resume(" not in str(caught.value)
    return str(caught.value)


def test_a_folder_that_holds_a_run_is_resumed_by_an_argument(tmp_path: Path) -> None:
    script(tmp_path, epochs=1)
    held = "snapshot.safetensors, metrics.jsonl, model.safetensors"
    cure = "go on with it by resume=True, or choose another folder"
    assert refusal(tmp_path) == f"{tmp_path} already holds {held}; {cure}"
    assert script(tmp_path, epochs=2, resume=True).steps == 4


def test_other_options_are_overridden_by_arguments(tmp_path: Path) -> None:
    script(tmp_path, epochs=1, learning_rate=0.1)
    other: dict[str, Any] = {"learning_rate": 0.2, "resume": True}
    cure = "go on all the same with fit(..., resume=True, override=('learning_rate',)), or"
    assert cure in refusal(tmp_path, **other)
    assert script(tmp_path, epochs=2, **other, override=("learning_rate",)).steps == 4


def test_other_data_are_overridden_by_arguments(tmp_path: Path) -> None:
    script(tmp_path, epochs=1)
    other = rb.Sequences(X + 1, LABELS, batch_size=2)
    assert refusal(tmp_path, data=other, resume=True) == (
        "fit: the run began on other data: x has other values; give it the same, or "
        "fit(..., resume=True, override=('data',))"
    )
    assert script(tmp_path, data=other, resume=True, override=("data",), epochs=2).steps == 4


def test_so_of_batches_of_a_list(tmp_path: Path) -> None:
    one = X.swapaxes(0, 1), LABELS.T
    script(tmp_path, data=[one, one], epochs=1)
    text = refusal(tmp_path, data=[(one[0] + 1, one[1]), one], resume=True)
    assert text.endswith("give it the same, or fit(..., resume=True, override=('data',))")


def test_a_trainer_has_its_own_words(tmp_path: Path) -> None:
    script(tmp_path, epochs=1)
    trainer = rb.Trainer(rb.Dense(3, 2, rng=0), "adam", CROSS(), folder=tmp_path)
    with pytest.raises(rb.StorageError, match=r"; resume\(\) it, or choose another folder"):
        trainer.fit(DATA, epochs=1)
    trainer.resume()
    with pytest.raises(ValueError, match=r"^Trainer.fit: .*or resume\(override=\('data',\)\)"):
        trainer.fit(rb.Sequences(X + 1, LABELS, batch_size=2), epochs=1)


def test_limits_are_those_of_fit(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^fit: there is no end; give epochs, steps"):
        script(tmp_path)
    with pytest.raises(ValueError, match=r"^fit: epochs must be"):
        script(tmp_path, epochs=0)


LOSSES: dict[str, tuple[Any, Any, str]] = {
    "weights, which a repr leaves out": (
        CROSS(),
        CROSS(class_weight=[1, 2]),
        "loss class_weight was 'None', is 'float64[2] [1.0, 2.0]'",
    ),
    "other weights": (
        CROSS(class_weight=[1, 1]),
        CROSS(class_weight=[1, 2]),
        "loss class_weight was 'float64[2] [1.0, 1.0]', is 'float64[2] [1.0, 2.0]'",
    ),
    "an option that a repr shows": (
        CROSS(),
        CROSS(label_smoothing=0.1),
        "loss was 'CrossEntropy()', is 'CrossEntropy(label_smoothing=0.1)'",
    ),
    "both": (
        CROSS(),
        CROSS(class_weight=[1, 2], label_smoothing=0.1),
        "loss label_smoothing was '0.0', is '0.1'; "
        "loss class_weight was 'None', is 'float64[2] [1.0, 2.0]'",
    ),
}


@pytest.mark.parametrize("case", LOSSES)
def test_another_loss_is_told_once(case: str, tmp_path: Path) -> None:
    before, after, text = LOSSES[case]
    script(tmp_path, before, epochs=1)
    found = refusal(tmp_path, loss=after, resume=True)
    assert found.partition("set up otherwise: ")[2].startswith(f"{text}; set it up as it was")
