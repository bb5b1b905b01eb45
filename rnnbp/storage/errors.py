"""The errors of reading and writing files."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TypeAlias

from rnnbp.numerics import StorageError, shown

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
PathLike: TypeAlias = str | os.PathLike[str]


def as_path(name: str, given: object) -> Path:
    """A path that was passed as the argument ``name``.

    Raises TypeError or ValueError unless it can be one.
    """
    if not isinstance(given, (str, os.PathLike)) or not isinstance(os.fspath(given), str):
        raise TypeError(f"{name} must be a path, a str or pathlib.Path, found {shown(given)}")
    text = os.fspath(given)
    if not text or "\0" in text:
        raise ValueError(
            f"{name} is {text!r}, which names nothing; give the path of a folder, '.' for the "
            "current one"
        )
    return Path(text)


def write_error(path: PathLike, error: OSError, size: int | None = None) -> StorageError:
    """The error for a write that failed, with its cure."""
    amount = "it" if size is None else f"{size} bytes"
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            reason = f"no space is left for {amount}; free some, or choose another disk"
        case errno.EFBIG:
            reason = (
                f"{amount} is more than a file may have here; raise ulimit -f, or choose another "
                "disk"
            )
        case errno.ENOENT | errno.ENOTDIR:
            reason = f"there is no folder {Path(path).parent}; make it first"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            reason = (
                "there is no permission to write there; choose another folder, or change its mode"
            )
        case _:
            reason = f"the system says: {error.strerror or error}"
    return StorageError(f"{path} is not written, what was there is unchanged: {reason}")


def read_error(path: PathLike, error: OSError) -> StorageError:
    """The error for a read that failed, with its cure."""
    match error.errno:
        case errno.ENOENT:
            return StorageError(f"{path} does not exist; check the path")
        case errno.EACCES | errno.EPERM:
            return StorageError(
                f"{path} cannot be read: {error.strerror or error}; check its permissions"
            )
        case _:
            return StorageError(
                f"{path} cannot be read: {error.strerror or error}; check the path and its disk"
            )
