"""What a run has found so far: in memory, and as a file with a line for each step."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from rnnbp.storage import JSON, StorageError, json_text, write_all, write_atomic, write_error


@dataclass(slots=True)
class History:
    """The result of training.

    losses: for each step, the loss of its batch before the update. validation_losses, and validation_steps:
    after how many steps each was taken. best_loss and best_step: the lowest of them, None if there is none.
    reason: "finished", "early stopping", "time" or "interrupted". signal: the number of the signal that interrupted
    it, as SIGINT of Ctrl-C, else None. seconds: of training, resumed runs included.
    """

    losses: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    validation_steps: list[int] = field(default_factory=list)
    best_loss: float | None = None
    best_step: int | None = None
    reason: str = ""
    seconds: float = 0.0
    signal: int | None = None

    @property
    def steps(self) -> int:
        """Updates made."""
        return len(self.losses)

    def copy(self, reason: str, signal: int | None = None) -> History:
        """A copy that further training does not change."""
        return replace(
            self,
            losses=self.losses.copy(),
            validation_losses=self.validation_losses.copy(),
            validation_steps=self.validation_steps.copy(),
            reason=reason,
            signal=signal,
        )


class MetricsLog:
    """A file of JSON lines, one for each step, opened to go on after ``step``.

    Lines of later steps, which a killed run left behind its last snapshot, and a line cut short are
    removed first. Raises StorageError where the file cannot be read or written.
    """

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        try:
            present = path.read_bytes() if path.exists() else b""
            kept = b"".join(line + b"\n" for line in present.splitlines() if _is_up_to(line, step))
            if kept != present:
                write_atomic(path, kept)
            self.number = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        except OSError as error:
            raise StorageError(f"{path} cannot be opened to add metrics: {error.strerror or error}") from error

    def write(self, metrics: Mapping[str, JSON]) -> None:
        """Add a line."""
        try:
            write_all(self.number, json_text("metrics", dict(metrics)).encode() + b"\n")
        except OSError as error:
            raise write_error(self.path, error) from error

    def sync(self) -> None:
        """Make the lines last through a power cut: before a snapshot that counts on them."""
        try:
            os.fsync(self.number)
        except OSError as error:
            raise StorageError(f"{self.path}: fsync failed, a power cut may take its last lines: {error}") from error

    def close(self) -> None:
        """No more lines."""
        os.close(self.number)


def _is_up_to(line: bytes, step: int) -> bool:
    try:
        return bool(json.loads(line)["step"] <= step)
    except (ValueError, KeyError, TypeError):
        return False
