"""Wrong command lines: status 1 or 2, and one line that says what, where and what to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rnnbp.cli.main import main

NUMBERS = ("0", "-1", "1.5", "many", "", "nan", "1e3", "99999999999999999999")
REALS = ("-1", "many", "", "nan", "inf", "1e999")
SHARES = ("-0.1", "1", "half", "", "nan")
SIZES = ("--layers", "--units", "--embedding", "--batch")
TRAIN = (*SIZES, "--horizon", "--epochs", "--steps", "--chunk", "--threads")
LINES: list[list[str]] = [["train", option, value] for option in TRAIN for value in NUMBERS[:-1]]
LINES += [
    ["train", option, "99999999999999999999"] for option in (*SIZES, "--horizon", "--threads")
]
LINES += [
    ["train", option, value]
    for option in ("--lr", "--clip", "--minutes", "--snapshot-minutes")
    for value in REALS
]
LINES += [["train", "--dropout", value] for value in SHARES]
LINES += [["train", "--checkpoint", value] for value in ("0", "-3", "most", "", "1.5")]
LINES += [["train", "--seed", value] for value in ("-1", "x", "1.5", "")]
LINES += [["train", "--cell", value] for value in ("LSTM", "transformer", "", "0")]
LINES += [
    [command, option, value]
    for command in ("plan", "compare")
    for option in ("--steps", *SIZES)
    for value in NUMBERS
]
LINES += [
    ["plan", "--budget", value]
    for value in ("0", "-5 MB", "lots", "", "3 parsecs", "nan", "1e9 MB")
]
LINES += [
    ["compare", "--budgets", value] for value in ("0", "-5", "lots", "", ",", "5,,6", "nan", "5;6")
]
LINES += [
    ["compare", "--schedules", value] for value in ("", "none", "all,", "all;sqrt", "sqrt,squirt")
]
LINES += [["compare", "--repeats", value] for value in ("0", "-1", "x", "1.5")]
LINES += [
    ["sample", "run", option, value] for option in ("--length", "--top-k") for value in NUMBERS
]
LINES += [["sample", "run", "--temperature", value] for value in ("-1", "hot", "nan", "inf", "")]
LINES += [
    [],
    ["tarin"],
    ["train", "extra"],
    ["train", "--resum", "x"],
    ["sample"],
    ["plan", "x"],
    ["--verison"],
    ["train", "--text", "missing.txt"],
    ["train", "--text", "."],
    ["train", "--text", "empty.txt"],
    ["train", "--text", "latin.txt"],
    ["train", "--text", "short.txt"],
    ["train", "--text", "pipe"],
    ["train", "--text", "/dev/zero"],
    ["train", "--text", "a\0b"],
    ["train", "--text", "-"],
    ["train", "--text", "loop"],
    ["train", "--resume", "loop"],
    ["train", "--out", "loop"],
    ["sample", "loop"],
    ["train", "--encoding", "latin-1"],
    ["train", "--text", "latin.txt", "--encoding", "klingon"],
    ["train", "--text", "latin.txt", "--encoding", "base64"],
    ["train", "--text", "latin.txt", "--encoding", "ascii"],
    ["train", "--text", "latin.txt", "--encoding", ""],
    ["train", "--text", "latin.txt", "--encoding", "a\0b"],
    ["train", "--resume", "missing"],
    ["train", "--resume", "short.txt"],
    ["train", "--resume", "."],
    ["train", "--resume", "full"],
    ["train", "--resume", "full", "--units", "3"],
    ["train", "--resume", "a\0b"],
    ["train", "--out", "full"],
    ["train", "--out", "short.txt"],
    ["train", "--out", "short.txt/below"],
    ["train", "--out", "a\0b"],
    ["train", "--epochs", "2", "--steps", "3"],
    ["train", "--horizon", "100000"],
    ["train", "--units", "10000000"],
    ["train", "--batch", "100000000"],
    ["sample", "missing"],
    ["sample", "full"],
    ["sample", "short.txt"],
    ["sample", "pipe"],
    ["sample", "/dev/zero"],
    ["sample", "a\0b"],
    ["sample", "empty.txt"],
    ["compare", "--out", "full"],
    ["compare", "--out", "short.txt/below"],
    ["plan", "--budget", "1"],
    ["plan", "--units", "10000000"],
]


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.txt").touch()
    Path("loop").symlink_to("loop")
    Path("latin.txt").write_bytes("déjà vu ".encode("latin-1") * 100)
    Path("short.txt").write_text("too short a text")
    Path("full").mkdir()
    Path("full/notes").write_text("somebody's")
    os.mkfifo("pipe")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_a_wrong_command_ends_with_one_line(
    line: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        raise SystemExit(main(line))
    assert end.value.code in (1, 2)
    found = capsys.readouterr()
    assert found.err.count("\n") == 1, found.err
    assert found.err.startswith("rnnbp")
    assert len(found.err) > 20
    assert sorted(os.listdir()) == ["empty.txt", "full", "latin.txt", "loop", "pipe", "short.txt"]
    assert os.listdir("full") == ["notes"]


@pytest.mark.skipif(os.name == "nt", reason="the folder of a process cannot be removed")
def test_a_relative_path_in_a_folder_that_is_no_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    assert main(["train", "--text", "text.txt", "--out", str(tmp_path / "run")]) == 1
    os.chdir(tmp_path)
    assert capsys.readouterr().err == "rnnbp: --text text.txt does not exist; check the path\n"
