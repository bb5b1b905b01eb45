"""The files of a run: its snapshot, its metrics, its model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rnnbp.storage import JSON, PathLike, StorageError, remove_leftovers, save_tensors
from rnnbp.train.history import MetricsLog
from rnnbp.train.snapshots import Parts, Standing, save_snapshot

SNAPSHOT, METRICS, MODEL = "snapshot.safetensors", "metrics.jsonl", "model.safetensors"


class RunFolder:
    """Where a run writes, or, with ``path`` None, nothing at all.

    ``owned`` is set once the files there are this run's; ``saved`` is the step of its last snapshot.
    """

    def __init__(self, path: PathLike | None, parts: Parts, description: JSON) -> None:
        self.path = None if path is None else Path(path)
        self.parts, self.description = parts, description
        self.owned = False
        self.saved: int | None = None
        self._log: MetricsLog | None = None

    def adopt(self, snapshot: Path, step: int) -> None:
        """The run goes on from a snapshot, which may be that of another folder."""
        self.owned = self.path is not None and snapshot.resolve() == (self.path / SNAPSHOT).resolve()
        self.saved = step if self.owned else None

    def open(self, at: Standing, extra: Mapping[str, JSON]) -> None:
        """Make the folder, write a snapshot if there is none, and get ready for lines of metrics.

        Raises StorageError where it holds another run, or cannot be written.
        """
        if self.path is None:
            return
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{self.path} cannot be made: {error.strerror or error}; choose another") from error
        present = [name for name in (SNAPSHOT, METRICS, MODEL) if (self.path / name).exists()]
        if present and not self.owned:
            raise StorageError(f"{self.path} already holds {', '.join(present)}; resume() it, or choose another folder")
        self.owned = True
        for name in (SNAPSHOT, METRICS, MODEL):
            remove_leftovers(self.path / name)
        self.snapshot(at, extra)
        self._log = MetricsLog(self.path / METRICS, at.step)

    def close(self) -> None:
        """End of the lines of metrics."""
        if self._log is not None:
            self._log.close()
            self._log = None

    def add(self, metrics: Mapping[str, JSON]) -> None:
        """Add a line of metrics."""
        if self._log is not None:
            self._log.write(metrics)

    def snapshot(self, at: Standing, extra: Mapping[str, JSON]) -> None:
        """Write a snapshot, unless that of this step is there; the lines that it counts on go first."""
        if self.path is None or self.saved == at.step:
            return
        if self._log is not None:
            self._log.sync()
        save_snapshot(self.path / SNAPSHOT, self.parts, at, {**extra, "description": self.description})
        self.saved = at.step

    def save_model(self, at: Standing) -> None:
        """Write the best parameters, or where nothing was validated the present ones."""
        if self.path is None:
            return
        past = at.history
        step = at.step if past.best_step is None else past.best_step
        metadata: dict[str, JSON] = {"description": self.description, "step": step, "validation": past.best_loss}
        save_tensors(self.path / MODEL, at.best_weights or self.parts.params, metadata)
