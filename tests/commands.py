"""Command lines on a small text, as tests of the command line run them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rnnbp.cli.main import main

TINY = ["--units", "12", "--embedding", "5", "--batch", "4", "--horizon", "10"]

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}


def run(*args: object) -> int:
    """The exit status of a command line, whether returned or raised."""
    try:
        return main([str(arg) for arg in args])
    except SystemExit as end:
        return int(end.code or 0)


def train(out: str, *args: object) -> int:
    return run("train", "--text", "words.txt", "--out", out, "--quiet", *TINY, *args)


def error_of(capsys: pytest.CaptureFixture[str], *args: object) -> tuple[int, str]:
    """(status, the one line on stderr) of a command line that must fail and print nothing else."""
    status, out, line = late_error_of(capsys, *args)
    assert out == ""
    return status, line


def late_error_of(capsys: pytest.CaptureFixture[str], *args: object) -> tuple[int, str, str]:
    """(status, stdout, the one line on stderr) of a command line that prints before it fails."""
    capsys.readouterr()
    status = run(*args)
    found = capsys.readouterr()
    assert found.err.endswith("\n")
    assert found.err.count("\n") == 1, found.err
    return status, found.out, found.err.rstrip("\n")


def contents(folder: Path = Path()) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def flip(path: Path, at: int) -> None:
    """Flip a bit of the byte at this place of a file."""
    data = bytearray(path.read_bytes())
    data[at] ^= 4
    path.write_bytes(data)
