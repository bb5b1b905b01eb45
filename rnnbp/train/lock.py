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
from io import FileIO
from pathlib import Path
from typing import Self

from rnnbp.storage import StorageError
from rnnbp.support.descriptors import open_file

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

NAME = ".lock"
_TAKEN = (errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK, errno.EDEADLK)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_FAR = 1 << 30
"""Windows locks bytes, which nobody can read then: one far behind the text."""


class FolderLock:
    """The lock on a folder, held from ``take`` until ``release`` or the end of the process.

    The system holds it for the open file ``.lock``, so a process that is killed leaves none behind,
    and a second Trainer of the same process is refused as well. The file says who has it, and is
    removed with it; one that a crash left is taken over. A forked child closes its copy. NFS passes
    the lock on to its server (Linux); on a mount that knows no locks there is a warning, and
    nothing is refused.

    ``take`` raises StorageError where another holds it, or the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._file: FileIO | None = None

    def take(self) -> Self:
        """Take the lock. It must be released afterwards, also if an interrupt came in the
        middle.
        """
        try:
            self._take()
        except KeyboardInterrupt:
            try:
                _remove_free(self.path)
            except KeyboardInterrupt:  # a second one
                _remove_free(self.path)
                raise
            raise
        return self

    def _take(self) -> None:
        while self._file is None:
            file = _opened(self.path)
            try:
                if _locked(file.fileno(), self.path) and _is_at(file.fileno(), self.path):
                    self._file = file
            finally:
                if self._file is None:
                    file.close()
        _held.add(self)
        with contextlib.suppress(OSError):  # a full disk: the lock holds all the same
            self._file.truncate(0)
            self._file.write(f"process {os.getpid()} on {platform.node()}\n".encode())

    @property
    def held(self) -> bool:
        """False once it is released, and in a forked child."""
        return self._file is not None

    def release(self) -> None:
        """Release the lock; the file is removed first, while no other process can hold it. After an
        interrupt, call it again.
        """
        if self._file is None:
            return
        if sys.platform == "win32":  # which removes no open file
            self._close()
        with contextlib.suppress(OSError):
            if self._file is None or _is_at(
                self._file.fileno(), self.path
            ):  # not that of the next owner
                self.path.unlink(missing_ok=True)
        self._close()
        _held.discard(self)

    def abandon(self) -> None:
        """In a forked child: close the copy, which would keep the lock after its owner's end."""
        with contextlib.suppress(OSError):
            self._close()

    def _close(self) -> None:
        """Close the file, once: a second call after an interrupt does nothing."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

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


def _opened(path: Path) -> FileIO:
    try:
        return open_file(path, os.O_RDWR | os.O_CREAT | _NO_LINK, "rb+")
    except OSError as error:
        cure = "choose another folder, or change its mode"
        raise StorageError(
            f"{path.parent} cannot be written: {error.strerror or error}; {cure}"
        ) from error


def _locked(number: int, path: Path) -> bool:
    """True if the file is locked now, or cannot be locked on this mount. Raises StorageError if a
    different process has it.
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


def _remove_free(path: Path) -> None:
    """Remove a file that an interrupt has left, unless the lock is held."""
    with (
        contextlib.suppress(OSError, ValueError),
        open_file(path, os.O_RDWR | _NO_LINK, "rb+") as file,
    ):
        if sys.platform != "win32":  # which removes no file that another has opened
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(file.fileno(), path):
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


def _is_at(number: int, path: Path) -> bool:
    """True if the file still exists: its owner may have removed it after it was opened here."""
    try:
        found, there = os.fstat(number), os.stat(path, follow_symlinks=False)
    except OSError:
        return False
    return (found.st_ino, found.st_dev) == (there.st_ino, there.st_dev)
