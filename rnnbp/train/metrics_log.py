"""The lines of metrics of a run: a file with a line for each step."""

from __future__ import annotations

import os
from collections.abc import Mapping
from io import BufferedReader, FileIO
from pathlib import Path

from rnnbp.storage import JSON, StorageError, json_text, opened, parse, room, write_all, write_error
from rnnbp.support.descriptors import open_file

LONGEST = 1 << 20
"""Bytes of a line of metrics that is checked as one; they have some hundreds."""
OPTIONAL = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""Flags of opening that only some systems have."""


class MetricsLog:
    """A file of JSON lines, one for each step, opened for appending after ``step``.

    Lines of later steps, which a killed run left behind its last snapshot, and a line cut short at
    the end are removed first. Raises StorageError if the file cannot be read or written, or a line
    of an earlier step is damaged; it is unchanged then.
    """

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        end = _end_of(path, step) if path.exists() else 0
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | OPTIONAL
        try:
            self.file = open_file(path, flags, "ab")
            _truncate(self.file, end)
        except OSError as error:
            raise StorageError(
                f"{path} cannot be opened to add metrics: {error.strerror or error}"
            ) from error

    def write(self, metrics: Mapping[str, JSON]) -> None:
        """Append a line."""
        try:
            write_all(self.file.fileno(), json_text("metrics", dict(metrics)).encode() + b"\n")
        except OSError as error:
            raise write_error(self.path, error) from error

    def sync(self) -> None:
        """Flush the lines to the disk, before a snapshot that relies on them."""
        try:
            os.fsync(self.file.fileno())
        except OSError as error:
            raise StorageError(
                f"{self.path}: fsync failed, a power cut may take its last lines: {error}"
            ) from error

    def close(self) -> None:
        """Close the file. Closing it twice does nothing."""
        self.file.close()


def _truncate(file: FileIO, end: int) -> None:
    """Truncate a file; close it if that fails."""
    try:
        file.truncate(end)
    except OSError:
        file.close()
        raise


def _end_of(path: Path, step: int) -> int:
    """Where the lines of the steps up to ``step`` end."""
    end, number = 0, 0
    with opened(path) as (file, _):
        while line := file.readline(LONGEST):
            number += 1
            found = _step_of(line)
            if found is None and _has_earlier(file, step):
                cure = "repair it, or move the file away, and the run goes on without it"
                raise StorageError(f"{path}: line {number} is damaged; {cure}")
            if found is None or found > step:
                break
            end += len(line)
    return end


def _has_earlier(file: BufferedReader, step: int) -> bool:
    """True if one of the lines that follow is of a step up to ``step``."""
    while line := file.readline(LONGEST):
        if (found := _step_of(line)) is not None and found <= step:
            return True
    return False


def _step_of(line: bytes) -> int | None:
    """The step of a line of metrics; None where it is damaged, or cut short."""
    if not line.endswith(b"\n"):
        return None
    try:
        found = parse(line, room(len(line)))
    except ValueError:
        return None
    step = found.get("step") if isinstance(found, dict) else None
    return step if isinstance(step, int) and not isinstance(step, bool) and step > 0 else None
