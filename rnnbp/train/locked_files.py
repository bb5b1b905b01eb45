"""The file of a lock: how it is opened, locked and removed on each system."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
import warnings
from io import FileIO
from pathlib import Path

from rnnbp.storage import StorageError
from rnnbp.support.descriptors import open_file

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


_TAKEN = (errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK, errno.EDEADLK)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_FAR = 1 << 30
"""Windows locks bytes, which nobody can read then: one far behind the text."""


def opened_file(path: Path) -> FileIO:
    try:
        return open_file(path, os.O_RDWR | os.O_CREAT | _NO_LINK, "rb+")
    except OSError as error:
        cure = "choose another folder, or change its mode"
        raise StorageError(
            f"{path.parent} cannot be written: {error.strerror or error}; {cure}"
        ) from error


def locked(number: int, path: Path) -> bool:
    """True if the file is locked now, or this mount knows no locks.

    Raises StorageError if a different process has it.
    """
    try:
        if sys.platform == "win32":
            os.lseek(number, _FAR, os.SEEK_SET)
            msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
            os.lseek(number, 0, os.SEEK_SET)
        else:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _TAKEN:
            who = _text(number) or "another process"
            raise StorageError(
                f"{path.parent} is in use by {who}; wait for its end, or choose another folder"
            ) from None
        warnings.warn(
            f"{path.parent}: locks do not work there ({error.strerror}); see to it that no other "
            "process trains in it",
            stacklevel=2,
        )
    return True


def remove_free(path: Path) -> None:
    """Remove a file that an interrupt has left, unless the lock is held."""
    with (
        contextlib.suppress(OSError, ValueError),
        open_file(path, os.O_RDWR | _NO_LINK, "rb+") as file,
    ):
        if sys.platform != "win32":  # which removes no file that another has opened
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_at(file.fileno(), path):
                path.unlink(missing_ok=True)


def _text(number: int) -> str:
    """The text of the lock's owner, as far as it is printable; it may not be written yet."""
    found = b""
    with contextlib.suppress(OSError):
        for _ in range(50):
            os.lseek(number, 0, os.SEEK_SET)
            if (found := os.read(number, 200)).endswith(b"\n"):
                break
            time.sleep(0.002)
    return "".join(c for c in found.decode(errors="replace") if c.isprintable())


def is_at(number: int, path: Path) -> bool:
    """True if the file still exists: its owner may have removed it after it was opened here."""
    try:
        found, there = os.fstat(number), os.stat(path, follow_symlinks=False)
    except OSError:
        return False
    return (found.st_ino, found.st_dev) == (there.st_ino, there.st_dev)
