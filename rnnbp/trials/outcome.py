"""What a run has left in its folder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rnnbp.numerics import escaped
from rnnbp.storage import JSON, Fields, write_atomic
from rnnbp.train.lock import NAME as LOCK

OUTPUT, ERROR, RESULT = "output.txt", "error.txt", "result.json"
"""What a run prints; why it failed, in a line, and the traceback; its figures."""
LARGEST = 1 << 20
"""Bytes of a result."""
LONGEST = 1000
"""Characters of an error in a table."""

FINISHED, FAILED, TIME, INTERRUPTED, WAITING = (
    "finished",
    "failed",
    "time",
    "interrupted",
    "waiting",
)


@dataclass(frozen=True)
class Outcome:
    """The state of a run, its figures by name, and why it failed.

    ``state`` is "finished"; "failed"; "time", if it was ended by the option ``minutes``;
    "interrupted", if it can be resumed; or "waiting".
    """

    state: str
    figures: dict[str, float] = field(default_factory=dict)
    error: str = ""


def outcome(folder: Path, cell: str) -> Outcome:
    """That of a run; of scores of several models the one of ``cell``. Raises StorageError."""
    if (folder / ERROR).is_file():
        lines = (folder / ERROR).read_text(encoding="utf-8", errors="replace").splitlines()
        return Outcome(FAILED, {}, escaped(lines[0] if lines else "no reason is known", LONGEST))
    if (folder / RESULT).is_file():
        cure = "remove it, and the run goes on from its snapshot"
        found = Fields.read(folder / RESULT, LARGEST, cure)
        state = TIME if found.values.get("reason") == TIME else FINISHED
        return Outcome(state, _figures(found.values, cell))
    begun = folder.is_dir() and any(path.name not in (OUTPUT, LOCK) for path in folder.iterdir())
    return Outcome(INTERRUPTED if begun else WAITING)


def write_failure(folder: Path, error: str, details: str = "") -> None:
    """Write why a run failed. Raises StorageError."""
    line = escaped(" ".join(error.split()))
    write_atomic(folder / ERROR, f"{line}\n\n{details}".rstrip().encode(errors="replace") + b"\n")


def _figures(found: Mapping[str, JSON], cell: str) -> dict[str, float]:
    numbers = {}
    for name, value in found.items():
        one = value.get(cell) if isinstance(value, dict) else value
        if isinstance(one, int | float) and not isinstance(one, bool):
            numbers[name] = float(one)
        elif one in ("nan", "inf", "-inf"):
            numbers[name] = float(str(one))
    return numbers


def plain(value: float) -> float | str:
    """A number as JSON can have it: those that are not finite by their names."""
    return value if math.isfinite(value) else str(value)
