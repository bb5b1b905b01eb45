"""The files of a run: its snapshot, its metrics, its model."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from rnnbp.runners.rounding import ROUNDING
from rnnbp.storage import JSON, PathLike, StorageError, as_path, remove_leftovers, save_tensors
from rnnbp.train.averages import in_json
from rnnbp.train.best import VALIDATION
from rnnbp.train.caller import Caller
from rnnbp.train.lock import FolderLock
from rnnbp.train.metrics_log import MetricsLog
from rnnbp.train.monitor import LOSS
from rnnbp.train.parts import Parts
from rnnbp.train.snapshots import save_snapshot
from rnnbp.train.stamps import Stamp, stamp
from rnnbp.train.standing import Standing

SNAPSHOT, METRICS, MODEL = "snapshot.safetensors", "metrics.jsonl", "model.safetensors"


class RunFolder:
    """The folder that a run writes to; with ``path`` None it writes nothing.

    ``owned`` is True once the files there are this run's; ``saved`` is the step of its last
    snapshot. From ``claim`` to ``close`` the folder is locked against every other run. Copies and
    pickles have neither lock nor open file.
    """

    def __init__(self, path: PathLike | None, parts: Parts, description: JSON) -> None:
        self.path = None if path is None else as_path("Trainer: folder", path)
        self.parts, self.description = parts, description
        self.owned = False
        self.saved: int | None = None
        self._stamp: Stamp = None
        self._written = time.monotonic()
        self._log: MetricsLog | None = None
        self._lock: FolderLock | None = None
        self._lent = False

    def __getstate__(self) -> dict[str, object]:
        return vars(self) | {"_log": None, "_lock": None, "_lent": False}

    def lend(self, lock: FolderLock) -> None:
        """Write under a lock on the folder that the caller holds, and will release."""
        self._lock, self._lent = lock, True

    def snapshot_file(self, path: PathLike | None) -> Path:
        """The snapshot that a path means, for None this folder's. Raises TypeError, ValueError."""
        place = self.path if path is None else as_path("Trainer.resume: path", path)
        if place is None:
            raise ValueError(
                "Trainer.resume: this Trainer has no folder; give the path of a snapshot"
            )
        return place / SNAPSHOT if os.path.isdir(place) else place  # False for a name too long

    def adopt(self, snapshot: Path, step: int, found: Stamp, *, differs: bool) -> None:
        """Continue from a snapshot, maybe of another folder; ``found`` is its stamp before reading.

        If the run ``differs`` from it on purpose, ``open`` writes a snapshot of the run as it is
        now.
        """
        self.owned = self.path is not None and os.path.realpath(snapshot) == os.path.realpath(
            self.path / SNAPSHOT
        )
        self.saved, self._stamp = (None if differs else step, found) if self.owned else (None, None)

    def outdate(self) -> None:
        """Mark the last snapshot as outdated: ``open``, or the next one due, writes a new one."""
        self.saved = None

    def claim(self, caller: Caller) -> None:
        """Create and lock the folder. Raises StorageError if it is in use, or another run's."""
        if self.path is None:
            return
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"{self.path} cannot be made: {error.strerror or error}; choose another"
            ) from error
        if self._lock is None:
            # known before it is taken: an interrupt leaves nothing locked
            self._lock = FolderLock(self.path)
            self._lock.take()
        self._check(self.path, caller)
        self.owned = True

    def open(self, at: Standing, extra: Mapping[str, JSON], *, pending: bool = False) -> None:
        """Write a snapshot if there is none, and open the file of metrics, after ``claim``.

        While a step is ``pending``, because its validation is still to be done, no snapshot relies
        on it, and its line will be written again. Raises StorageError if the folder cannot be
        written to.
        """
        if self.path is None:
            return
        self._clear()
        if self.saved is None and not pending:
            self.snapshot(at, extra)
        self._open_log(at.step - pending)
        self._written = time.monotonic()

    def _clear(self) -> None:
        """Remove what an interrupted write has left."""
        assert self.path is not None  # whoever opens it has looked
        for name in (SNAPSHOT, METRICS, MODEL):
            remove_leftovers(self.path / name)

    def _open_log(self, step: int) -> None:
        """Open the file of metrics behind the line of a step."""
        assert self.path is not None  # likewise
        self._log = MetricsLog(self.path / METRICS, step)

    def _check(self, path: Path, caller: Caller) -> None:
        """Raise StorageError unless the files are this run's, as it has written or read them."""
        present = [name for name in (SNAPSHOT, METRICS, MODEL) if (path / name).exists()]
        if present and not self.owned:
            raise StorageError(
                f"{path} already holds {', '.join(present)}; {caller.resume}, or choose another "
                "folder"
            )
        now = stamp(path / SNAPSHOT)
        if now is None:
            self.saved = None
        elif self.owned and now != self._stamp:
            raise StorageError(
                f"{path}: another run has written {SNAPSHOT} since this one did, or read it; "
                f"{caller.resume}, or choose another folder"
            )

    def close(self) -> None:
        """Close the file of metrics and release the lock."""
        if self._log is not None:
            self._log.close()
            self._log = None
        if self._lock is not None and not self._lent:
            self._lock.release()
            self._lock = None

    def add(self, metrics: Mapping[str, JSON]) -> None:
        """Append a line of metrics."""
        if self._log is not None and self.path is not None:
            self._check_held(self.path)
            self._log.write(in_json(metrics))

    def snapshot(self, at: Standing, extra: Mapping[str, JSON]) -> None:
        """Flush the lines of metrics, then write a snapshot unless this step has one."""
        if self.path is None or self.saved == at.step:
            return
        if self._log is not None:
            self._log.sync()
        self._check_held(self.path)
        save_snapshot(
            self.path / SNAPSHOT, self.parts, at, {**extra, "description": self.description}
        )
        self.saved, self._stamp = at.step, stamp(self.path / SNAPSHOT)
        self._written = time.monotonic()

    def _check_held(self, path: Path) -> None:
        """Raise StorageError in a child that was forked while its parent trained."""
        if self._lock is not None and not self._lock.held:
            raise StorageError(
                f"{path} belongs to the process that this one was forked from; train in another "
                "folder"
            )

    def older(self, minutes: float | None) -> bool:
        """True if the last snapshot is at least this old; never for None."""
        return minutes is not None and time.monotonic() - self._written >= 60 * minutes

    def save_model(self, at: Standing) -> None:
        """Write the best parameters, or without a validation the present ones."""
        if self.path is None:
            return
        past = at.history
        step = at.step if past.best_step is None else past.best_step
        metadata: dict[str, JSON] = {
            "description": self.description,
            "step": step,
            "validation": past.best_loss,
        }
        if past.best is not None and past.best.monitor != VALIDATION + LOSS:
            metadata["best"] = past.best.to_json()
        if past.rounding:
            metadata[ROUNDING] = past.rounding
        save_tensors(self.path / MODEL, at.best_weights or self.parts.params, metadata)
