"""The text that a character model is trained on, and its split."""

from __future__ import annotations

import hashlib
import os
import platform
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rnnbp.cli.encodings import decoded
from rnnbp.cli.errors import CommandError
from rnnbp.numerics import Array
from rnnbp.storage import JSON, StorageError, read_bounded

HELD_OUT = 10
"""One part in this many, the last, is held out."""
LARGEST = 2**31
"""Bytes of a text, which is held in memory several times."""


@dataclass(frozen=True)
class Text:
    """A text and its origin: a path, or the topics of Python's own help."""

    characters: str
    source: str
    path: Path | None = None

    @property
    def sha256(self) -> str:
        """Of the text in UTF-8."""
        return hashlib.sha256(self.characters.encode()).hexdigest()

    def split(self) -> Split:
        """The first nine tenths of the characters, and the last.

        Raises CommandError if there are too few.
        """
        cut = len(self.characters) - len(self.characters) // HELD_OUT
        if cut == len(self.characters):
            raise CommandError(
                f"{self.source} has {cut} characters, at least {HELD_OUT} are needed; give a "
                "longer text"
            )
        return Split(_part(self.characters[:cut]), _part(self.characters[cut:]))

    def to_dict(self) -> dict[str, JSON]:
        """What identifies the text, for JSON."""
        return {"source": self.source, "sha256": self.sha256, "characters": len(self.characters)}


@dataclass(frozen=True)
class Part:
    """A part of a text: its bytes (N,), as uint8, and the number of its characters."""

    data: Array
    characters: int


@dataclass(frozen=True)
class Split:
    """The text for training, and the text after it that is held out."""

    train: Part
    held_out: Part


def load_text(path: Path | None, encoding: str | None = None) -> Text:
    """The text of a file; of ``pydoc_data.topics`` for None.

    Args:
        encoding: of the file; by default that of its byte order mark, or UTF-8.

    Raises CommandError if there is no text.
    """
    return _python_topics() if path is None else _from_file(path, encoding)


def printable(characters: str) -> str:
    """The text with � for control characters except tab, and with newlines for all line endings.

    A terminal would act on the others, and return to the start of the line at a carriage return.
    """
    lines = characters.replace("\r\n", "\n").replace("\r", "\n")
    kept = (
        c if c in "\n\t\f\v" or unicodedata.category(c) not in ("Cc", "Cs") else "�" for c in lines
    )
    return "".join(kept)


def _python_topics() -> Text:
    """Every topic of Python's ``help()``, by name; they vary with Python's version."""
    try:
        from pydoc_data import topics
    except ImportError:
        raise CommandError(
            "this Python lacks its help texts, pydoc_data.topics; name a text with --text"
        ) from None
    joined = "\n".join(topics.topics[name] for name in sorted(topics.topics))
    return Text(joined, f"the help topics of Python {platform.python_version()}")


def full_path(path: Path) -> Path:
    """The absolute path, without links; ``path`` itself in a folder that no longer exists."""
    try:
        return Path(os.path.realpath(path))  # Path.resolve raises RuntimeError for a loop of links
    except OSError:
        return path


def _from_file(path: Path, encoding: str | None) -> Text:
    data = _read(path)
    if not data:
        raise CommandError(f"--text {path} is empty; name a file with some text in it")
    characters = decoded(data, f"--text {path}", encoding)
    return Text(characters, str(path), full_path(path))


def _read(path: Path) -> bytes:
    """The contents of a regular file when it is opened. Raises CommandError for anything else."""
    if str(path) == "-":
        raise CommandError(
            "--text - would be standard input, which is not read; save it to a file, and name that"
        )
    if path.is_dir():
        raise CommandError(f"--text {path} is a directory; name a text file in it")
    if path.exists() and not path.is_file():
        raise CommandError(
            f"--text {path} is a pipe or device, which may have no end; save it to a file, and "
            "name that"
        )
    try:
        return read_bounded(path, LARGEST)
    except StorageError as error:
        raise CommandError(f"--text {error}") from None


def _part(characters: str) -> Part:
    return Part(np.frombuffer(characters.encode(), np.uint8), len(characters))
