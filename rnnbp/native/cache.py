"""Machine code on disk, so that a process need not compile what another has compiled."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import warnings
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

VARIABLE = "RNNBP_KERNEL_CACHE"
"""A folder, or "off"."""
DIGEST = 32
"""Bytes of the sha256 that a file begins with."""


def folder() -> Path | None:
    """Where code is kept: RNNBP_KERNEL_CACHE, else the user's folder for caches; None for "off"."""
    given = os.environ.get(VARIABLE)
    if given == "off":
        return None
    if given:
        return Path(given)
    with suppress(RuntimeError):  # no home
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Caches" / "rnnbp"
        if sys.platform == "win32":
            return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "rnnbp" / "cache"
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rnnbp"
    return None


def read(key: str) -> bytes | None:
    """The code of a key; None where there is none, or it is damaged, which is said once."""
    if (place := folder()) is None:
        return None
    try:
        found = (place / _name(key)).read_bytes()
    except OSError:
        return None
    code = found[DIGEST:]
    if _digest(key, code) == found[:DIGEST]:
        return code
    _warn(str(place))
    return None


def write(key: str, code: bytes) -> None:
    """Keep code, whole or not at all; nothing is kept where nothing can be written."""
    if (place := folder()) is None:
        return
    with suppress(OSError):
        place.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_digest(key, code) + code)
            os.replace(name, place / _name(key))
        except OSError:
            with suppress(OSError):
                os.unlink(name)


def _name(key: str) -> str:
    return f"{key}.o"


def _digest(key: str, code: bytes) -> bytes:
    """Of both: a file under another's name is no code of its key."""
    return hashlib.sha256(key.encode() + b"\0" + code).digest()


@lru_cache
def _warn(place: str) -> None:
    warnings.warn(f"kernels in {place} are damaged; they are compiled anew", RuntimeWarning, stacklevel=2)
