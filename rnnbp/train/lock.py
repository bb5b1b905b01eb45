"""One run folder, one run: a lock that ends with its process, however that ends."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import weakref
from io import FileIO
from pathlib import Path
from typing import Self

from rnnbp.train.locked_files import is_at, locked, opened_file, remove_free

NAME = ".lock"


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
        """Take the lock. Release it afterwards, even if an interrupt came in the middle."""
        try:
            self._take()
        except KeyboardInterrupt:
            try:
                remove_free(self.path)
            except KeyboardInterrupt:  # a second one
                remove_free(self.path)
                raise
            raise
        return self

    def _take(self) -> None:
        while self._file is None:
            file = opened_file(self.path)
            try:
                if locked(file.fileno(), self.path) and is_at(file.fileno(), self.path):
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
        """Release the lock. After an interrupt, call it again.

        The file is removed first, while no other process can hold it.
        """
        if self._file is None:
            return
        if sys.platform == "win32":  # which removes no open file
            self._close()
        with contextlib.suppress(OSError):
            # not the file of the next owner
            if self._file is None or is_at(self._file.fileno(), self.path):
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
