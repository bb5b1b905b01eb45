"""The notes of a run that resumes: after which step, or that no snapshot is in the folder."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

from rnnbp.support import late_bars
from rnnbp.support.nearest import nearest
from rnnbp.train.folder import SNAPSHOT

NUMBER = re.compile(r"\d+(\.\d+)?(e[-+]?\d+)?")
MOST = 1000
"""Folders that are checked."""


def say_begins_anew(progress: bool | None, file: Path) -> None:
    """Say that snapshot ``file`` is missing, with a folder of a similar name that has one."""
    folder = folder_of(file)
    near = _near(folder)
    also = f" ('{near}' has one; if that was meant, give its name)" if near is not None else ""
    text = f"rnnbp: no snapshot in '{folder}' yet, the run starts from step 1{also}"
    late_bars.note(progress, text)


def say_goes_on(progress: bool | None, folder: str, step: int, ended: str | None) -> None:
    """Say that the run of ``folder``, unless "", resumes after ``step``, or has ``ended`` there."""
    how = "is finished" if ended == "finished" else f"has ended ({ended})"
    text = f"resumes after step {step}" if ended is None else f"{how} at step {step}, nothing to do"
    if folder:
        late_bars.note(progress, f"rnnbp: the run in '{folder}' {text}")


def folder_of(file: Path) -> Path:
    """The folder of a snapshot; a file of another name stands for itself."""
    return file.parent if file.name == SNAPSHOT else file


def _near(folder: Path) -> Path | None:
    """The folder with a snapshot whose name, or whose parent's name, is most similar."""
    here, place = folder.name, folder.parent
    if place.is_dir():
        return _nearest(here, {each.name: each for each in _folders(place)})
    return _nearest(place.name, {each.name: each / here for each in _folders(place.parent)})


def _nearest(name: str, folders: dict[str, Path]) -> Path | None:
    known = {
        other: path
        for other, path in folders.items()
        if not _siblings(name, other) and _is_file(path / SNAPSHOT)
    }
    return known.get(nearest(name, known))


def _siblings(one: str, other: str) -> bool:
    """True for names as of several runs by one script: other numbers, or one other letter."""
    if NUMBER.sub("0", one) == NUMBER.sub("0", other):
        return True
    differing = [pair for pair in zip(one, other, strict=False) if pair[0] != pair[1]]
    return len(one) == len(other) and len(differing) == 1 and all(map(str.isalnum, differing[0]))


def _folders(place: Path) -> list[Path]:
    try:
        return [*islice(place.iterdir(), MOST)]
    except OSError:  # it does not exist, or is not readable
        return []


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False
