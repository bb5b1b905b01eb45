"""A run that is made longer on purpose, from the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from rnnbp import Sequences, Sequential, Trainer, layers
from rnnbp.cli.main import main
from rnnbp.losses import CrossEntropy
from rnnbp.optim import Adam, Cosine


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.txt").write_text("to be or not to be that is the question\n" * 50)
    assert (
        train("--text", "t.txt", "--units", "8", "--steps", "4", "--out", "r", "--batch", "4") == 0
    )


def train(*words: str) -> int:
    return main(["train", "--quiet", *words])


def steps() -> list[int]:
    return [json.loads(line)["step"] for line in Path("r/metrics.jsonl").read_text().splitlines()]


def rates() -> list[float]:
    return [json.loads(line)["lr"] for line in Path("r/metrics.jsonl").read_text().splitlines()]


@pytest.mark.long
@pytest.mark.parametrize("option", ["--steps", "--epochs"])
def test_another_length_takes_an_override(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = Path("r/run.json").read_bytes()
    assert train("--resume", "r", option, "9") == 1
    assert (
        f"leave out {option}, add --override learning_rate for another length, or train"
        in capsys.readouterr().err
    )
    assert (Path("r/run.json").read_bytes(), steps()) == (before, [1, 2, 3, 4])


def test_a_longer_run_goes_on_and_stays_longer() -> None:
    first = rates()
    assert train("--resume", "r", "--steps", "30", "--override", "learning_rate") == 0
    assert steps() == list(range(1, 31))
    expected = rates()
    assert expected[:4] == first
    assert expected[5] > first[3]  # still warming up, where the short run had come to its end
    assert json.loads(Path("r/run.json").read_text())["settings"]["steps"] == 30
    assert train("--resume", "r") == 0  # done, and no longer different
    assert steps() == list(range(1, 31))


def test_a_run_of_epochs_may_become_one_of_steps_and_back() -> None:
    assert train("--resume", "r", "--epochs", "1", "--override", "learning_rate") == 0
    found = json.loads(Path("r/run.json").read_text())["settings"]
    assert (found["steps"], found["epochs"]) == (None, 1)
    done = steps()[-1]
    assert done > 4
    assert train("--resume", "r", "--steps", str(done + 2), "--override", "learning_rate") == 0
    assert steps() == list(range(1, done + 3))


def test_a_run_cannot_become_shorter_than_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    before = {path.name: path.read_bytes() for path in Path("r").iterdir()}
    assert train("--resume", "r", "--steps", "3", "--override", "learning_rate") == 1
    assert "r has done 4 steps, more than 3; give a longer run" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in Path("r").iterdir()} == before


def test_the_command_names_its_own_option(capsys: pytest.CaptureFixture[str]) -> None:
    path = Path("r/run.json")
    found = json.loads(path.read_text())
    path.write_text(json.dumps(found | {"settings": found["settings"] | {"clip": 5.0}}))
    assert train("--resume", "r") == 1
    error = capsys.readouterr().err
    assert "clip_norm was 1.0, is 5.0" in error
    assert "go on all the same with --override" in error


def cosine(length: int) -> tuple[Trainer, Sequences]:
    model = Sequential(layers.Embedding(4, 3, rng=0), layers.Dense(3, 4, rng=1))
    rate, x = Cosine(1e-2, length), np.random.default_rng(0).integers(0, 4, (8, 6))
    trainer = Trainer(
        model, Adam(model), CrossEntropy(), learning_rate=rate, folder="c", snapshot_every=100
    )
    return trainer, Sequences(x, x, batch_size=4)


def test_an_override_holds_from_the_first_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is killed before its next snapshot needs no second override."""
    trainer, data = cosine(3)
    trainer.fit(data, steps=3)
    before = safetensors.numpy.load_file("c/snapshot.safetensors")
    longer, data = cosine(9)
    longer.resume(override=("learning_rate",))
    whole = Sequences.batch
    monkeypatch.setattr(Sequences, "batch", away)
    with pytest.raises(OSError, match="away"):
        longer.fit(data, steps=9)
    monkeypatch.setattr(Sequences, "batch", whole)
    after = safetensors.numpy.load_file("c/snapshot.safetensors")
    assert all(np.array_equal(after[name], array) for name, array in before.items())
    again, data = cosine(9)
    assert again.resume().fit(data, steps=9).steps == 9


def away(data: Sequences, epoch: int, index: int) -> None:
    raise OSError("away for a moment")
