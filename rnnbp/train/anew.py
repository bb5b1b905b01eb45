"""The note of a run that resumes without a snapshot: its folder's name may be mistyped."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

from rnnbp.support.nearest import nearest
from rnnbp.train.folder import SNAPSHOT

NUMBER = re.compile(r"\d+(\.\d+)?(e[-+]?\d+)?")
MOST = 1000
"""Folders that are checked."""


def begins_anew(file: Path) -> str:
    """The note that snapshot ``file`` is missing, with a folder of a similar name that has one."""
    folder = file.parent if file.name == SNAPSHOT else file
    near = _near(folder)
    also = f" ({near} has one; if that was meant, give its name)" if near is not None else ""
    return f"rnnbp: no snapshot in {folder} yet, the run starts from step 1{also}"


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
