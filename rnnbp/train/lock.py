"""One run folder, one run: a lock that ends with its process, however that ends."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import sys
import time
import warnings
import weakref
from pathlib import Path
from typing import Self

from rnnbp.storage import StorageError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

NAME = ".lock"
_TAKEN = (errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK, errno.EDEADLK)
_FAR = 1 << 30
"""Windows locks bytes, which nobody can read then: one far behind the text."""


class FolderLock:
    """The lock on a folder, held from ``take`` until ``release`` or the end of the process.

    The system holds it for the open file ``.lock``, so a process that is killed leaves none behind, and a second
    Trainer of the same process is refused as well. The file says who has it, and is removed with it; one that a
    crash left is taken over. A forked child closes its copy. NFS passes the lock on to its server (Linux); on a
    mount that knows no locks there is a warning, and nothing is refused.

    ``take`` raises StorageError where another holds it, or the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._number: int | None = None

    def take(self) -> Self:
        """Take it, after which it must be released, also if an interrupt has come in the middle."""
        while self._number is None:
            number = _opened(self.path)
            try:
                if _locked(number, self.path) and _is_at(number, self.path):
                    self._number = number
            finally:
                if self._number is None:
                    os.close(number)
        _held.add(self)
        with (
            contextlib.suppress(OSError),  # a full disk: the lock holds all the same
            open(self._number, "wb", buffering=0, closefd=False) as file,
        ):
            file.truncate(0)
            file.write(f"process {os.getpid()} on {platform.node()}\n".encode())
        return self

    @property
    def held(self) -> bool:
        """False once it is released, and in a forked child."""
        return self._number is not None

    def release(self) -> None:
        """Give it up; the file goes first, while nobody else can hold it. After an interrupt, call it again."""
        if self._number is None:
            return
        if sys.platform == "win32":  # which removes no open file
            number, self._number = self._number, None
            os.close(number)
        with contextlib.suppress(OSError):
            if sys.platform == "win32" or _is_at(self._number, self.path):  # not that of the next owner
                self.path.unlink(missing_ok=True)
        if sys.platform != "win32":
            number, self._number = self._number, None
            os.close(number)
        _held.discard(self)

    def abandon(self) -> None:
        """In a forked child: close the copy, which would keep the lock after its owner's end."""
        if self._number is not None:
            number, self._number = self._number, None
            with contextlib.suppress(OSError):
                os.close(number)

    def __enter__(self) -> Self:
        try:
            return self.take()
        except BaseException:
            self.release()
            raise

    def __exit__(self, *_: object) -> None:
        self.release()


_held: weakref.WeakSet[FolderLock] = weakref.WeakSet()


def _abandon_all() -> None:
    for lock in list(_held):
        lock.abandon()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
    except OSError as error:
        cure = "choose another folder, or change its mode"
        raise StorageError(f"{path.parent} cannot be written: {error.strerror or error}; {cure}") from error


def _locked(number: int, path: Path) -> bool:
    """Whether the file is locked now, or cannot be on this mount. Raises StorageError where another has it."""
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
            f"{path.parent}: locks do not work there ({error.strerror}); see to it that no other process trains in it",
            stacklevel=2,
        )
    return True


def _text(number: int) -> str:
    """What its owner wrote, as far as it can be printed; it may be about to write it."""
    found = b""
    with contextlib.suppress(OSError):
        for _ in range(50):
            os.lseek(number, 0, os.SEEK_SET)
            if (found := os.read(number, 200)).endswith(b"\n"):
                break
            time.sleep(0.002)
    return "".join(c for c in found.decode(errors="replace") if c.isprintable())


def _is_at(number: int, path: Path) -> bool:
    """Whether the file is still there: its owner may have removed it after it was opened here."""
    try:
        found, there = os.fstat(number), os.stat(path, follow_symlinks=False)
    except OSError:
        return False
    return (found.st_ino, found.st_dev) == (there.st_ino, there.st_dev)
