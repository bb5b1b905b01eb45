"""The folder of a sweep: which runs it has, and whether a file fits it."""

from __future__ import annotations

import json
from pathlib import Path

from rnnbp.numerics import shown
from rnnbp.storage import JSON, Fields, remove_leftovers, write_atomic
from rnnbp.train.lock import NAME as LOCK
from rnnbp.trials.config import Config
from rnnbp.trials.errors import ConfigError
from rnnbp.trials.space import Trial, identity, trials

RECORD = "sweep.json"
LARGEST = 1 << 28
"""Bytes of a record."""


def runs_of(config: Config) -> dict[str, Trial]:
    """The options of each run, by the name of its folder; those that are there keep their names.

    A file may add runs to a folder: more values, samples or seeds. Raises ConfigError if the folder
    has a run that the file does not describe, or is no folder of a sweep; StorageError if its
    record is damaged.
    """
    wanted = {identity(trial): trial for trial in trials(config)}
    present = _present(config)
    for key in present:
        if key not in wanted:
            raise _misfit(config)
    names = list(present) + [key for key in wanted if key not in present]
    return {f"{k:03}": wanted[key] for k, key in enumerate(names)}


def write_record(config: Config, runs: dict[str, Trial]) -> None:
    """Write which runs the folder has; it is made if needed. Raises StorageError."""
    remove_leftovers(config.folder / RECORD)
    found = {"sections": config.sections(), "runs": list(runs.values())}
    write_atomic(config.folder / RECORD, json.dumps(found, indent=1).encode() + b"\n")


def _fields(config: Config) -> Fields:
    cure = "restore it, or name another folder in [sweep]"
    return Fields.read(config.folder / RECORD, LARGEST, cure)


def _present(config: Config) -> list[str]:
    """The runs of the folder, in order."""
    folder = config.folder
    if not (folder / RECORD).is_file():
        _check_empty(config.path, folder)
        return []
    fields = _fields(config)
    found = fields.raw("runs")
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        fields.refuse("its runs are no list of options")
    return [identity(each) for each in found if isinstance(each, dict)]


def _check_empty(path: Path, folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{path}: [sweep] folder {folder} is no folder; name another")
    if folder.is_dir() and any(
        each.name != LOCK and not each.name.startswith(f".{RECORD}") for each in folder.iterdir()
    ):
        raise ConfigError(
            f"{path}: {folder} is not empty, and not of a sweep; name another folder in [sweep]"
        )


def _misfit(config: Config) -> ConfigError:
    """The error that names what differs between a file and the folder that it names."""
    before = _fields(config).fields("sections")
    differing = []
    for table, now in config.sections().items():
        found: dict[str, JSON] = {}
        if isinstance(section := before.values.get(table), dict):
            found = section
        for name in dict.fromkeys([*found, *now]):
            old, new = found.get(name), now.get(name)
            if old != new and not _extends(old, new):
                differing.append(f"[{table}] {name} is {_said(new)}, there {_said(old)}")
    what = "; ".join(differing) or "its runs are not among those of the file"
    return ConfigError(
        f"{config.path} does not fit {config.folder}: {what}; restore it, or name another folder "
        "in [sweep]"
    )


def _extends(old: JSON, new: JSON) -> bool:
    """True if a list has all that was there, so that it cannot be what is missing."""
    return (
        isinstance(old, list)
        and isinstance(new, list)
        and bool(old)
        and all(value in new for value in old)
    )


def _said(value: JSON) -> str:
    return "not set" if value in (None, []) else shown(value)
