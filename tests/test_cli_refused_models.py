"""The command line: models that cannot be used; one line says so."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import rnnbp as rb
from rnnbp.cli.architecture import Architecture
from tests.commands import error_of, flip, train

pytestmark = pytest.mark.usefixtures("in_a_folder_with_words")


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def lost(file: Path) -> None:
    file.unlink()
    file.parent.rmdir()


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (cut, r" is cut short or damaged, it has \d+ bytes of \d+; restore it from a copy"),
        (
            lambda file: flip(file, 3000),
            " is damaged, its contents do not fit their checksum; restore it from a copy",
        ),
        (lambda file: file.write_bytes(b""), " is empty; restore it from a copy"),
        (lambda file: file.write_text("text " * 100), " is not a file of rnnbp tensors; .*"),
    ],
    ids=["cut", "flipped", "empty", "not-a-model"],
)
def test_a_model_that_cannot_be_used(
    damage: Callable[[Path], object], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(saved_model())
    status, line = error_of(capsys, "sample", "m")
    assert status == 1
    assert re.fullmatch(f"rnnbp: m/model.safetensors{expected}", line), line


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (
            Path.unlink,
            "m has no model.safetensors; name a folder that rnnbp train has finished or stopped in",
        ),
        (lost, "m does not exist; check the path"),
    ],
    ids=["no-model", "missing"],
)
def test_a_model_that_is_not_there(
    damage: Callable[[Path], object], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(saved_model())
    status, line = error_of(capsys, "sample", "m")
    assert status == 1
    assert re.fullmatch(f"rnnbp: {expected}", line), line


def saved_model(built: int = 4, **changes: object) -> Path:
    """A file of a model that a command has written, whose description is then changed."""
    file = Path("m/model.safetensors")
    file.parent.mkdir()
    described = Architecture(units=4, embedding=2).to_dict() | changes
    model = Architecture(units=built, embedding=2).build()
    rb.save_weights(model, file, metadata={"description": {"architecture": described}})
    return file


def of_no_kind() -> str:
    rb.save_weights(rb.Sequential(rb.Dense(2, 2)), "m.safetensors")
    return "m.safetensors"


def snapshot() -> str:
    assert train("a", "--steps", 1) == 0
    return "a/snapshot.safetensors"


@pytest.mark.quick
@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (
            of_no_kind,
            "expected the weights of a rnnbp character model, found kind None; rnnbp sample .*",
        ),
        (
            lambda: saved_model(5),
            "load_weights from m/model.safetensors: "
            "the file does not match the model, .* has shape .*",
        ),
        (lambda: saved_model(heads=8), ".*unexpected keyword argument 'heads'"),
        (lambda: saved_model(units=0), "a character model's units must be at least 1, found 0"),
        (snapshot, ".*is a snapshot of a training run; .*"),
    ],
    ids=["kind", "architecture", "nonsense", "size", "snapshot"],
)
def test_a_model_of_another_kind(
    make: Callable[[], object], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make()
    status, line = error_of(capsys, "sample", path)
    assert status == 1
    assert re.fullmatch(f"rnnbp: {path} is not a model for this command: {expected}", line), line
