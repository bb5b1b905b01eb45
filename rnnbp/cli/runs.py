"""The folder of a training run: its place, and its settings."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np

from rnnbp.cli.architecture import Architecture
from rnnbp.cli.errors import CommandError
from rnnbp.cli.folders import SETTINGS, check_free
from rnnbp.cli.settings import Settings
from rnnbp.cli.text import Text
from rnnbp.runners.backend import as_backend
from rnnbp.storage import JSON, Fields, StorageError, read_header, write_atomic
from rnnbp.train.folder import METRICS, MODEL, SNAPSHOT
from rnnbp.train.misfits import check_shapes
from rnnbp.trials.outcome import RESULT

LARGEST = 1 << 20
"""Bytes of a run.json; it has some hundreds."""


@dataclass(frozen=True)
class Run:
    """A folder with the settings and the files of a run; ``text`` identifies its text."""

    folder: Path
    settings: Settings
    text: dict[str, JSON]
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
            about: dict[str, JSON] = {
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
        """Raise CommandError if the backend is not the one that the run began with."""
        present = as_backend(None).name
        if self.backend not in (None, present):
            raise CommandError(
                f"{self.folder} was begun with the backend {self.backend}, and {present} rounds "
                f"otherwise; set RNNBP_BACKEND={self.backend}"
            )

    def save_result(self, result: Mapping[str, object]) -> None:
        """Write the results of the run. Raises StorageError."""
        write_json(self.folder / RESULT, result)

    def check_text(self, text: Text) -> None:
        """Raise CommandError unless this is the text that the run began with."""
        if text.sha256 != self.text["sha256"]:
            raise CommandError(
                f"{text.source} is not what {self.folder} was trained on: sha256 "
                f"{text.sha256[:12]}…, expected {str(self.text['sha256'])[:12]}…; restore the "
                "text, or train anew"
            )


def write_json(path: Path, value: Mapping[str, object]) -> None:
    """Write a file for people and programs. Raises StorageError."""
    write_atomic(path, json.dumps(value, indent=2).encode() + b"\n")


def _check_model(folder: Path, architecture: Architecture) -> None:
    """Raise CommandError unless the snapshot has the parameters of ``architecture``."""
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
