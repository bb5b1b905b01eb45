"""A refused resume names all that differs at once, the learning rate under its one name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

RNG = np.random.default_rng(0)
X, LABELS = RNG.normal(size=(20, 6, 4)).astype("float32"), RNG.integers(0, 3, 20)


def script(folder: Path, *, units: int = 5, x: Any = X, batch_size: int = 5, **changed: Any) -> Any:
    """A user's script, which is started again with something changed."""
    model = rb.Sequential(rb.LSTM(4, units, rng=0), rb.Dense(units, 3, rng=1))
    data = rb.Sequences(x, LABELS, last=True, batch_size=batch_size)
    given: dict[str, Any] = {"optimizer": "adam", "learning_rate": 1e-2, "clip_norm": 1.0}
    given |= {"epochs": 1, "folder": folder, "resume": True, "progress": False}
    return rb.fit(model, data, rb.losses.CrossEntropy(), **given | changed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run")
    script(path)
    return path


COSINE, STEPS = rb.optim.Cosine(1e-2, 100), rb.optim.StepDecay(1e-2, 10)
SGD = rb.optim.SGD
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "rate": ({"learning_rate": 1e-3}, "learning_rate was 0.01, is 0.001"),
    "a schedule for a number": (
        {"learning_rate": COSINE},
        "learning_rate was 0.01, is 'Cosine(learning_rate=0.01, steps=100, floor=0.0)'",
    ),
    "rate and clipping": (
        {"learning_rate": 1e-3, "clip_norm": None},
        "clip_norm was 1.0, is None; learning_rate was 0.01, is 0.001",
    ),
    "rate and data": (
        {"learning_rate": 1e-3, "x": X + 1, "batch_size": 10},
        "learning_rate was 0.01, is 0.001; other data: batch_size was 5, is 10; x has other values",
    ),
    "optimizer": (
        {"optimizer": "sgd", "learning_rate": 1e-3},
        "optimizer was 'adam', is 'sgd'; learning_rate was 0.01, is 0.001",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_all_that_differs_is_named_at_once(case: str, folder: Path) -> None:
    changed, text = CASES[case]
    with pytest.raises(ValueError, match="set up otherwise") as caught:
        script(folder, **changed)
    named = str(caught.value).partition("the run was set up otherwise: ")[2]
    assert named.startswith(f"{text}; ")


def test_a_schedule_for_a_number_is_one_difference(folder: Path) -> None:
    with pytest.raises(ValueError, match="set up otherwise") as caught:
        script(folder, learning_rate=COSINE)
    assert "own learning_rate" not in str(caught.value)


def test_the_override_that_is_named_goes_on(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    changed: dict[str, Any] = {"learning_rate": 1e-3, "x": X + 1}
    with pytest.raises(
        ValueError, match=r"fit\(..., resume=True, override=\('learning_rate', 'data'\)\)"
    ):
        script(tmp_path, **changed)
    assert script(tmp_path, **changed, override=("learning_rate", "data")).steps == 4


def test_another_model_is_named_with_what_else_differs(folder: Path) -> None:
    with pytest.raises(ValueError, match="Names or shapes differ") as caught:
        script(folder, units=6, learning_rate=1e-3)
    assert "0.weight_ih has shape (20, 4), the model's (24, 4)" in str(caught.value)
    end = "the run was set up otherwise: learning_rate was 0.01, is 0.001; set it up as it was"
    assert str(caught.value).endswith(end)
    assert str(caught.value).count("resume from") == 1


def test_the_file_is_named_once_where_the_cure_has_a_line_of_its_own(tmp_path: Path) -> None:
    loss, names = rb.losses.MeanSquaredError(), [f"{'layer' * 12}{k}" for k in range(3)]

    def trainer(clip_norm: float, **options: Any) -> rb.Trainer:
        model = rb.Sequential(*(rb.RNN(4, 4, name=name, **options) for name in names))
        return rb.Trainer(model, "adam", loss, folder=tmp_path, clip_norm=clip_norm)

    trainer(1.0).fit(rb.Sequences(X, X, batch_size=5), steps=1)
    with pytest.raises(ValueError, match="build it with bias=True\nNames or shapes") as caught:
        trainer(2.0, bias=False).resume()
    assert str(caught.value).count("resume from") == 1
    assert "the run was set up otherwise: clip_norm was 1.0, is 2.0; " in str(caught.value)


def test_two_schedules_differ_by_their_public_names(tmp_path: Path) -> None:
    script(tmp_path, learning_rate=COSINE)
    with pytest.raises(ValueError, match="set up otherwise") as caught:
        script(tmp_path, learning_rate=STEPS)
    assert "'Cosine(learning_rate=0.01, " in str(caught.value)
    assert "StepDecay(learning_rate=0.01, " in str(caught.value)
    assert "lr" not in str(caught.value).replace("learning_rate", "").split(": ", 1)[1]
