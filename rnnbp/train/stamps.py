"""Files as they are on disk: whether they are there, and whether they are still the same."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

Stamp: TypeAlias = tuple[int, int, int] | None
"""What tells a file from the one that replaces it; None where there is none."""


def stamp(path: Path) -> Stamp:
    """The stamp of a file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def is_missing(path: Path) -> bool:
    """True if there is no such file or folder; False if that cannot be determined."""
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False
    return False
