"""Folders that a command writes to."""

from __future__ import annotations

import json
from pathlib import Path

from rnnbp.cli.errors import CommandError
from rnnbp.storage import remove_leftovers
from rnnbp.train.folder import METRICS, MODEL, SNAPSHOT
from rnnbp.train.lock import NAME as LOCK
from rnnbp.trials.outcome import OUTPUT, RESULT

SETTINGS = "run.json"

RUNS = Path("runs")


def empty_folder(folder: Path) -> Path:
    """The folder of --out, created if needed.

    Raises CommandError if it cannot be used, or is not empty.
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
    """Raise CommandError unless a locked folder holds at most a run that has not begun.

    That is one that was stopped, or failed, before its first snapshot; of a sweep it may have
    output.txt. Half-written files of crashes are removed.
    """
    remove_temporaries(folder)
    found = {path.name for path in folder.iterdir()} - {LOCK, OUTPUT}
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
    """A new folder: runs/char-lstm for "char-lstm"; runs/char-lstm-2 and so on if it exists."""
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
