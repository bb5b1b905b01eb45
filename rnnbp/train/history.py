"""The results of a run so far: in memory, and as a file with a line for each step."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from io import BufferedReader, FileIO
from pathlib import Path

from rnnbp.storage import JSON, StorageError, json_text, opened, parse, room, write_all, write_error
from rnnbp.support import reprs
from rnnbp.support.descriptors import open_file
from rnnbp.train.best import Best
from rnnbp.wording.instead import HISTORY, Instead

LONGEST = 1 << 20
"""Bytes of a line of metrics that is checked as one; they have some hundreds."""


@dataclass(slots=True)
class History(Instead):
    """The result of training.

    Attributes:
        losses: for each step, the loss of its batch before the update; NaN if it was skipped or has
            no weight.
        validation_losses: the loss of each validation.
        validation_steps: the steps done before each validation.
        best_loss: the validation loss when the monitored figure was best, or None.
        best_step: the steps done when the figure that the run monitors, by default the validation
            loss, was best, or None.
        best: a ``Best``, with step, epoch, monitor, value and metrics: the figure's name and value
            then, and all others by name.
        reason: "finished", "early stopping", "time", "interrupted", or the reason of a callback;
            "error" in a history that an exception carries.
        seconds: of training, resumed runs included.
        signal: the number of the signal that interrupted it, as SIGINT of Ctrl-C, else None.
        metrics: by name, as "accuracy", a value for each step, NaN for a step without one, and as
            "validation_accuracy" for each validation.
        weightless: the number of batches without weight, as a window of padding or warm-up alone.

    >>> import numpy as np, rnnbp as rb
    >>> x = np.zeros((8, 5, 1), np.float32)
    >>> data, loss = rb.Sequences(x, x, batch_size=4), rb.losses.MeanSquaredError()
    >>> history = rb.fit(rb.Sequential(rb.Dense(1, 1)), data, loss, epochs=1, metrics=["mae"])
    >>> history.steps, len(history.losses), list(history.metrics), history.reason
    (2, 2, ['mae'], 'finished')
    """

    _instead = HISTORY
    losses: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    validation_steps: list[int] = field(default_factory=list)
    best_loss: float | None = None
    best_step: int | None = None
    reason: str = ""
    seconds: float = 0.0
    signal: int | None = None
    metrics: dict[str, list[float]] = field(default_factory=dict)
    weightless: int = 0
    best: Best | None = None

    def note(self, found: Mapping[str, float]) -> None:
        """Append a value to each of some metrics."""
        for name, value in found.items():
            self.metrics.setdefault(name, []).append(value)

    @property
    def steps(self) -> int:
        """Updates made, and batches skipped or without weight."""
        return len(self.losses)

    @property
    def skipped(self) -> int:
        """Batches that were skipped because a value in them was not finite."""
        return sum(map(math.isnan, self.losses)) - self.weightless

    @reprs.safe
    def __repr__(self) -> str:
        what = f"{reprs.counted(self.steps, 'step')} in {reprs.number(self.seconds)} s, {self.reason or 'going on'}"
        old = self.best is None and self.best_loss is not None  # as one that was built by hand
        best = f"; best_loss {reprs.number(self.best_loss)} at step {self.best_step}" if old else ""
        last = [
            f"{name} {reprs.number(_counting(values)[-1])}"
            for name, values in self.metrics.items()
            if values
        ]
        return reprs.titled(
            self,
            what,
            losses=_ends(self.losses),
            validation_losses=_ends(self.validation_losses) + best,
            best="" if self.best is None else repr(self.best),
            metrics=", ".join(last) and f"{', '.join(last)} at last",
            skipped=f"{self.skipped:,}" if self.skipped else "",
            weightless=f"{self.weightless:,}" if self.weightless else "",
        )

    def copy(self, reason: str, signal: int | None = None) -> History:
        """A copy that further training does not change."""
        return replace(
            self,
            losses=self.losses.copy(),
            validation_losses=self.validation_losses.copy(),
            validation_steps=self.validation_steps.copy(),
            metrics={name: values.copy() for name, values in self.metrics.items()},
            best=self.best and replace(self.best, metrics=self.best.metrics.copy()),
            reason=reason,
            signal=signal,
        )


def _ends(losses: list[float]) -> str:
    """The first and the last loss that is not NaN, as text."""
    losses = _counting(losses)
    if len(losses) < 2:
        return "".join(map(reprs.number, losses))
    return f"{reprs.number(losses[0])} at first, {reprs.number(losses[-1])} at last"


def _counting(values: list[float]) -> list[float]:
    """The values that are not NaN, if there are any; else the last."""
    return [value for value in values if not math.isnan(value)] or values[-1:]


HISTORY_NOTE = "its .history is the History of the run: "
"""How the note begins that an error out of ``fit`` has."""


def carry(error: BaseException, history: History) -> None:
    """Attach the history so far to an exception that ends a run, with a note."""
    vars(error)["history"] = history
    notes = getattr(error, "__notes__", [])
    if history.steps and not any(note.startswith(HISTORY_NOTE) for note in notes):
        error.add_note(f"{HISTORY_NOTE}{history.steps} steps")


class MetricsLog:
    """A file of JSON lines, one for each step, opened for appending after ``step``.

    Lines of later steps, which a killed run left behind its last snapshot, and a line cut short at
    the end are removed first. Raises StorageError if the file cannot be read or written, or a line
    of an earlier step is damaged; it is unchanged then.
    """

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        end = _end_of(path, step) if path.exists() else 0
        flags = (
            os.O_WRONLY
            | os.O_APPEND
            | os.O_CREAT
            | getattr(os, "O_NONBLOCK", 0)
            | getattr(os, "O_BINARY", 0)
        )
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
