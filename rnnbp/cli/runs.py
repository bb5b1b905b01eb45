"""The folder of a training run: its place, and its settings."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from rnnbp.cli.encodings import known
from rnnbp.cli.errors import CommandError
from rnnbp.cli.model import CELLS, Architecture
from rnnbp.cli.text import Text, full_path
from rnnbp.machine import MOST_THREADS
from rnnbp.runners.backend import as_backend
from rnnbp.schedules import EveryK, ScheduleLike
from rnnbp.storage import Fields, StorageError, read_header, remove_leftovers, write_atomic
from rnnbp.train.folder import METRICS, MODEL, SNAPSHOT
from rnnbp.train.lock import NAME as LOCK
from rnnbp.train.misfits import check_shapes

SETTINGS, RESULT = "run.json", "result.json"
LARGEST = 1 << 20
"""Bytes of a run.json; it has some hundreds."""
RUNS = Path("runs")


@dataclass(frozen=True)
class Settings:
    """What decides the bits of a trained model: the options of ``rnnbp train``, by name.

    Of ``epochs`` and ``steps``, how long to train, one is None. ``checkpoint`` is "all", "sqrt" or
    a number of chunks. ``threads`` is None until a run begins.
    """

    text: str | None = None
    encoding: str | None = None
    cell: str = CELLS[0]
    layers: int = 1
    units: int = 192
    embedding: int = 64
    dropout: float = 0.0
    horizon: int = 32
    batch: int = 32
    epochs: int | None = 6
    steps: int | None = None
    lr: float = 0.01
    clip: float = 1.0
    checkpoint: str | int = "all"
    chunk: int | None = None
    seed: int = 0
    threads: int | None = None

    @property
    def architecture(self) -> Architecture:
        """The settings that decide the model."""
        return Architecture(self.cell, self.layers, self.units, self.embedding, self.dropout)

    @property
    def schedule(self) -> ScheduleLike:
        """``checkpoint`` as bptt takes it."""
        return (
            partial(EveryK, k=self.checkpoint)
            if isinstance(self.checkpoint, int)
            else self.checkpoint
        )

    @classmethod
    def from_options(cls, found: Mapping[str, Any]) -> Self:
        """The settings among the options; the text by its full path, the epochs unless steps are
        passed.
        """
        chosen = {field.name: found[field.name] for field in fields(cls)}
        chosen["text"] = found["text"] and str(full_path(found["text"]))
        chosen["epochs"] = found["epochs"] if found["steps"] is None else None
        return cls(**chosen)

    @classmethod
    def from_fields(cls, found: Fields) -> Self:
        """The settings in run.json; missing ones have their defaults. Raises StorageError for
        impossible ones.
        """
        found.only(*(field.name for field in fields(cls)))
        try:
            settings = cls(**{name: _READ[name](found, name) for name in found.values})
            settings.architecture  # noqa: B018  # Raises for sizes that cannot be.
        except (TypeError, ValueError) as error:
            found.refuse(str(error))
        return settings


def _maybe(read: Callable[[Fields, str], Any]) -> Callable[[Fields, str], Any]:
    """``read``, or None for null."""
    return lambda found, name: None if found.missing(name) else read(found, name)


def _count(least: int = 1, most: int = 2**63 - 1) -> Callable[[Fields, str], Any]:
    return lambda found, name: found.whole(name, least, most)


def _schedule(found: Fields, name: str) -> str | int:
    return found.whole(name, 1) if found.values[name] not in ("all", "sqrt") else found.text(name)


_READ: dict[str, Callable[[Fields, str], Any]] = {
    "text": _maybe(Fields.text),
    "encoding": _maybe(lambda found, name: known(found.text(name))),
    "cell": Fields.text,
    "layers": _count(),
    "units": _count(),
    "embedding": _count(),
    "dropout": Fields.number,
    "horizon": _count(),
    "batch": _count(),
    "epochs": _maybe(_count()),
    "steps": _maybe(_count()),
    "lr": Fields.number,
    "clip": Fields.number,
    "checkpoint": _schedule,
    "chunk": _maybe(_count()),
    "seed": _count(0, 2**64 - 1),
    "threads": _maybe(_count(1, MOST_THREADS)),
}
"""How each of the settings is read from a file."""


@dataclass(frozen=True)
class Run:
    """A folder with the settings and the files of a run; ``text`` identifies its text."""

    folder: Path
    settings: Settings
    text: dict[str, Any]
    backend: str | None = None
    """That it began with; None where run.json is older than that."""

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The run in a folder. Raises CommandError if there is none that can continue."""
        file = folder / SETTINGS
        begun = (folder / SNAPSHOT).is_file()
        if not file.is_file() or (
            not begun and any((folder / name).exists() for name in (METRICS, MODEL))
        ):
            raise CommandError(
                f"--resume {folder} is not the folder of a run; name one that rnnbp train has made"
            )
        try:
            found = Fields.read(file, LARGEST, "take another copy of it, or train anew")
            settings = Settings.from_fields(found.fields("settings"))
            text = found.fields("text")
            about = {
                "source": text.text("source"),
                "sha256": text.text("sha256"),
                "characters": text.whole("characters"),
            }
            backend = None if found.missing("backend") else found.text("backend")
            if begun:
                _check_model(folder, settings.architecture)
        except StorageError as error:
            raise CommandError(str(error)) from None
        return cls(folder, settings, about, backend)

    @property
    def begun(self) -> bool:
        """True if there is a snapshot to continue from."""
        return (self.folder / SNAPSHOT).is_file()

    @classmethod
    def create(cls, folder: Path, settings: Settings, text: Text) -> Self:
        """A new run in ``folder``, which is locked. Raises CommandError or StorageError."""
        check_free(folder)
        about = {
            "settings": asdict(settings),
            "text": text.to_dict(),
            "backend": (backend := as_backend(None).name),
            "python": platform.python_version(),
            "numpy": np.__version__,
        }
        write_json(folder / SETTINGS, about)
        return cls(folder, settings, text.to_dict(), backend)

    def save_settings(self) -> None:
        """Write run.json with the present settings. Raises StorageError."""
        about = json.loads((self.folder / SETTINGS).read_bytes())
        write_json(self.folder / SETTINGS, about | {"settings": asdict(self.settings)})

    def check_backend(self) -> None:
        """Raise CommandError if it would continue with a different backend, and end with other
        bits.
        """
        present = as_backend(None).name
        if self.backend not in (None, present):
            raise CommandError(
                f"{self.folder} was begun with the backend {self.backend}, and {present} rounds "
                f"otherwise; set RNNBP_BACKEND={self.backend}"
            )

    def save_result(self, result: Mapping[str, Any]) -> None:
        """Write the results of the run. Raises StorageError."""
        write_json(self.folder / RESULT, result)

    def check_text(self, text: Text) -> None:
        """Raise CommandError unless this is the text that the run began with."""
        if text.sha256 != self.text["sha256"]:
            raise CommandError(
                f"{text.source} is not what {self.folder} was trained on: sha256 "
                f"{text.sha256[:12]}…, expected {self.text['sha256'][:12]}…; restore the text, or "
                "train anew"
            )


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a file for people and programs. Raises StorageError."""
    write_atomic(path, json.dumps(value, indent=2).encode() + b"\n")


def _check_model(folder: Path, architecture: Architecture) -> None:
    """Raise CommandError unless the snapshot has the parameters of ``architecture``; nothing is
    built.
    """
    file = folder / SNAPSHOT
    try:
        listed, _ = read_header(file)
        found = {
            name.removeprefix("model/"): e.shape
            for e in listed
            if (name := e.name).startswith("model/")
        }
        check_shapes(f"resume from {file}", architecture.shapes(), found)
    except ValueError as error:
        raise cannot_resume(folder, error) from None


def cannot_resume(folder: Path, error: ValueError) -> CommandError:
    """The error of a run that does not fit its snapshot."""
    return CommandError(f"--resume {folder} cannot go on: {error}")


def empty_folder(folder: Path) -> Path:
    """The folder of --out, created if needed. Raises CommandError if it cannot be used, or is not
    empty.
    """
    if any(made_folder(folder).iterdir()):
        raise CommandError(f"--out {folder} is not empty; name a new folder")
    return folder


def made_folder(folder: Path) -> Path:
    """The folder of --out, created if needed. Raises CommandError if that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(
            f"--out {folder} cannot be used: {error.strerror}; name another folder"
        ) from None
    return folder


def check_free(folder: Path) -> None:
    """Raise CommandError unless a folder, which is locked, holds nothing but a run that has not
    begun.

    That is one that was stopped, or failed, before its first snapshot. Half-written files of
    crashes are removed.
    """
    remove_temporaries(folder)
    found = {path.name for path in folder.iterdir()} - {LOCK}
    if not found or (found == {SETTINGS} and _is_ours(folder / SETTINGS)):
        return
    cure = (
        f"continue it with --resume {folder}, or name" if (folder / SNAPSHOT).exists() else "name"
    )
    raise CommandError(f"--out {folder} is not empty; {cure} a new folder")


def remove_temporaries(folder: Path) -> None:
    """Remove half-written files of killed processes in a folder, which is locked."""
    for name in (SETTINGS, RESULT, SNAPSHOT, METRICS, MODEL):
        remove_leftovers(folder / name)


def _is_ours(file: Path) -> bool:
    """True if a file is a run.json of ours, and not a different file of that name."""
    try:
        found = json.loads(file.read_bytes())
        return isinstance(found, dict) and {"settings", "text"} <= found.keys()
    except (OSError, ValueError, RecursionError):
        return False


def free_folder(name: str) -> Path:
    """A new folder: runs/char-lstm for "char-lstm", or runs/char-lstm-2 and so on if that
    exists.
    """
    number = 1
    while True:
        folder = RUNS / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            number += 1
        except OSError as error:
            raise CommandError(
                f"{folder} cannot be made: {error.strerror}; name another with --out"
            ) from None
