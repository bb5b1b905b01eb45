"""The command line: texts, folders and runs that cannot be used; one line says so."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.commands import TINY, contents, error_of, flip, train

pytestmark = pytest.mark.usefixtures("in_a_folder_with_words")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, "rnnbp: --text bad.txt does not exist; check the path"),
        ({"bad.txt": b""}, "rnnbp: --text bad.txt is empty; name a file with some text in it"),
        (
            {"bad.txt": b"caf\xe9"},
            "rnnbp: --text bad.txt is not UTF-8: byte 3 is 0xe9; "
            "convert it, as with iconv -t utf-8, or name its encoding, as --encoding cp1252",
        ),
        (
            {"bad.txt": b"abcdefghi"},
            "rnnbp: bad.txt has 9 characters, at least 10 are needed; give a longer text",
        ),
        (
            {"bad.txt": b"ab" * 15},
            "rnnbp: bad.txt is too short: it has 27 bytes to train on, "
            "and --batch 4 × --horizon 10 needs 41; give a longer text, or lower one of the two",
        ),
    ],
    ids=["missing", "empty", "latin-1", "nine-characters", "shorter-than-a-batch"],
)
def test_a_text_that_cannot_be_used(
    files: dict[str, bytes], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in files.items():
        Path(name).write_bytes(text)
    before = contents()
    assert error_of(capsys, "train", "--text", "bad.txt", *TINY) == (1, expected)
    assert contents() == before
    assert not Path("runs").exists()


def test_a_text_that_is_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert error_of(capsys, "train", "--text", ".") == (
        1,
        "rnnbp: --text . is a directory; name a text file in it",
    )


def test_a_text_that_may_not_be_read(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    expected = "rnnbp: --text words.txt cannot be read: Permission denied; check its permissions"
    assert error_of(capsys, "train", "--text", "words.txt") == (1, expected)


def test_a_folder_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    assert train("a", "--steps", 1) == 0
    Path("other").mkdir()
    Path("other/notes").write_text("mine")
    Path("runs").write_text("a file")
    before = contents()
    again = ["train", "--text", "words.txt", *TINY, "--out"]
    expected = "rnnbp: --out a is not empty; continue it with --resume a, or name a new folder"
    assert error_of(capsys, *again, "a") == (1, expected)
    assert error_of(capsys, *again, "other") == (
        1,
        "rnnbp: --out other is not empty; name a new folder",
    )
    expected = "rnnbp: --out words.txt cannot be used: File exists; name another folder"
    assert error_of(capsys, *again, "words.txt") == (1, expected)
    expected = "rnnbp: runs/char-lstm cannot be made: Not a directory; name another with --out"
    assert error_of(capsys, *again[:-1]) == (1, expected)
    assert contents() == before


def test_a_run_that_cannot_be_resumed(capsys: pytest.CaptureFixture[str]) -> None:
    assert train("a", "--steps", 2) == 0
    before = contents()
    expected = "rnnbp: --resume b is not the folder of a run; name one that rnnbp train has made"
    assert error_of(capsys, "train", "--resume", "b") == (1, expected)
    expected = "rnnbp: a run is resumed as it was set up: leave out --lr, --units, or train anew without --resume"
    assert error_of(capsys, "train", "--resume", "a", "--units", 12, "--lr", 1) == (1, expected)
    Path("words.txt").write_text("another text " * 100)
    status, line = error_of(capsys, "train", "--resume", "a")
    assert status == 1
    assert re.fullmatch(
        r"rnnbp: .*words.txt is not what a was trained on: sha256 \w{12}…, expected \w{12}…; "
        r"restore the text, or train anew",
        line,
    )
    assert {name: data for name, data in contents().items() if name != "words.txt"} == {
        name: data for name, data in before.items() if name != "words.txt"
    }


def test_a_run_whose_files_do_not_fit_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert train("a", "--steps", 2) == 0
    settings = Path("a/run.json")
    good = settings.read_text()
    settings.write_text(good.replace('"lr": 0.0', '"lr": 0.1'))
    status, line = error_of(capsys, "train", "--resume", "a", "--quiet")
    assert status == 1
    assert line.startswith(
        "rnnbp: --resume a cannot go on: resume from a/snapshot.safetensors: the run was set up"
    )
    bad_threads = re.sub(r'"threads": \d+', '"threads": 0', good)
    for bad in (
        good[:50],
        good.replace('"units": 12', '"units": "x"'),
        good.replace('"units"', '"united"'),
        bad_threads,
    ):
        settings.write_text(bad)
        status, line = error_of(capsys, "train", "--resume", "a", "--quiet")
        assert status == 1
        assert re.fullmatch(
            r"rnnbp: a/run.json is damaged \(.*\); take another copy of it, or train anew", line
        )
    settings.write_text(good)
    flip(Path("a/snapshot.safetensors"), -40)
    expected = "--resume a cannot go on: a/snapshot.safetensors is damaged, its contents do not fit their checksum"
    status, line = error_of(capsys, "train", "--resume", "a", "--quiet")
    assert status == 1
    assert line.startswith(f"rnnbp: {expected}")


def test_training_that_fails(capsys: pytest.CaptureFixture[str]) -> None:
    status, line = error_of(
        capsys,
        "train",
        "--text",
        "words.txt",
        "--out",
        "a",
        "--quiet",
        *TINY,
        "--lr",
        1e38,
        "--clip",
        0,
    )
    assert status == 1
    assert line.startswith("rnnbp: training has failed: ")
    assert "lower the learning rate" in line


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (
            "train --units 0",
            "rnnbp train: error: argument --units: must be at least 1 and below 1.049e+06, found 0",
        ),
        (
            "train --layers two",
            "rnnbp train: error: argument --layers: must be a whole number, found 'two'",
        ),
        (
            "train --lr inf",
            "rnnbp train: error: argument --lr: must be above 0 and finite, found inf",
        ),
        ("train --lr fast", "rnnbp train: error: argument --lr: must be a number, found 'fast'"),
        (
            "train --dropout 1",
            "rnnbp train: error: argument --dropout: must be at least 0 and below 1, found 1",
        ),
        (
            "train --minutes 0",
            "rnnbp train: error: argument --minutes: must be above 0 and below 1e+06, found 0",
        ),
        (
            "train --checkpoint 0",
            "rnnbp train: error: argument --checkpoint: must be all, sqrt or a number of chunks from 1, found '0'",
        ),
        (
            "train --seed -1",
            "rnnbp train: error: argument --seed: must be at least 0 and below 1.845e+19, found -1",
        ),
        ("train --unit 3", "rnnbp train: error: unknown argument --unit (did you mean --units?)"),
        ("train words.txt", "rnnbp train: error: unknown argument words.txt"),
        (
            "train --epochs 1 --steps 2",
            "rnnbp train: error: argument --steps: not allowed with argument --epochs",
        ),
        ("sample", "rnnbp sample: error: the following arguments are required: MODEL"),
        (
            "sample m --top-k 0",
            "rnnbp sample: error: argument --top-k: must be at least 1, found 0",
        ),
        ("", "rnnbp: error: the following arguments are required: COMMAND"),
    ],
)
def test_a_command_line_that_is_wrong(
    args: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, line = error_of(capsys, *args.split())
    assert status == 2
    assert line == f"{expected}; see {expected.split(':')[0]} --help"


@pytest.mark.quick
def test_cells_that_are_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    status, line = error_of(capsys, "train", "--cell", "transformer")
    assert status == 2
    assert line.startswith("rnnbp train: error: argument --cell: invalid choice: 'transformer'")
