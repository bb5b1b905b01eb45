"""The folder of the cache of machine code: named in the environment, or the user's own."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from rnnbp.machine.settings import START

VARIABLE = "RNNBP_KERNEL_CACHE"
"""A folder, or "off"; "~" is the home, and a relative path starts where the process started."""
OFF = frozenset({"off", "0", "no", "none", "false", "disabled"})
"""Values, in any case, for no cache on disk."""


def folder() -> Path | None:
    """Where code is kept: RNNBP_KERNEL_CACHE, else the user's folder for caches; None for "off"."""
    given = os.environ.get(VARIABLE, "").strip()
    if given.casefold() in OFF:
        return None
    return _resolved(given) if given else home()


@lru_cache(16)
def _resolved(given: str) -> Path | None:
    """The absolute path of a folder that is named; None if there is none, as without a home."""
    path = Path(os.path.expanduser(given))
    if path.is_absolute():
        return path
    return None if not START or given.startswith("~") else Path(START) / path


def home() -> Path | None:
    """The user's own folder for caches; None without a home."""
    # As each system has it: what is there may be deleted at any time, and is left out of backups.
    with suppress(RuntimeError):
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Caches" / "rnnbp"
        if sys.platform == "win32":
            local = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
            return local / "rnnbp" / "cache"
        # A relative one is to be ignored, as the standard says.
        named = Path(os.environ.get("XDG_CACHE_HOME", ""))
        found = (named if named.is_absolute() else Path.home() / ".cache") / "rnnbp"
        return found if found.is_absolute() else None
    return None
