"""Folders and files that only their owner may write: what is read from them is run as machine code.

On systems without user ids (Windows) nothing is checked but that files are regular.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader, BufferedWriter
from pathlib import Path

from rnnbp.support.descriptors import open_file, opened_folder

ROOT = 0
"""The user whose folders everyone trusts."""
TEMPORARY = ".tmp"
"""The end of the name of a file that is being written."""
DAY = 86400.0
"""Seconds after which a file that is read is marked as used again."""
OTHERS = stat.S_IWGRP | stat.S_IWOTH
"""Permissions by which somebody else may write."""

# What differs between systems. Windows has no user ids, opens no folders, and is the only one with
# O_BINARY, without which it would translate line ends; it has none of the other flags.
_IDS = hasattr(os, "geteuid")
_BY_HANDLE = _IDS and os.open in os.supports_dir_fd
_BINARY = getattr(os, "O_BINARY", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
# Not inherited by programs that the user's script starts.
_READ = os.O_RDONLY | _BINARY | getattr(os, "O_CLOEXEC", 0)
# A link may point to what somebody else writes. NONBLOCK, because opening a FIFO waits for a
# writer.
_CAREFUL = _NOFOLLOW | getattr(os, "O_NONBLOCK", 0)
# EXCL: what is there already, a link too, is never written through.
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY | _NOFOLLOW


def user() -> int:
    """The number of the user that this process acts for; −1 on systems without them."""
    return os.geteuid() if _IDS else -1


class UntrustedError(Exception):
    """A folder or a file that somebody else could have written; the text says why."""


class Folder:
    """An open folder, to which its files are relative: nobody can exchange it for another.

    Args:
        path: of the folder. handle: its descriptor; None where the system opens no folders.
    """

    def __init__(self, path: Path, handle: int | None) -> None:
        self.path, self._handle = path, handle
        found = os.stat(path) if handle is None else os.fstat(handle)
        self.ours = not _IDS or found.st_uid == user()
        """False for root's folder, which others may read only."""
        self.mode = stat.S_IMODE(found.st_mode) if _IDS else 0o700

    def read(self, name: str, most: int, *, secret: bool = False) -> bytes | None:
        """The content of a file; None if there is none, or it may not be read.

        Raises UntrustedError for what is no regular file of the folder's owner, has a second name,
        is longer than ``most`` bytes, or may be written by others (of a ``secret`` one: read by
        others).
        """
        try:
            file = open_file(self._at(name), _READ | _CAREFUL, "rb", folder=self._handle)
        except (FileNotFoundError, PermissionError):
            return None
        except OSError as error:
            raise UntrustedError(
                f"{name} is no regular file, but a link, folder or device"
            ) from error
        # What is checked is the open file, not its name, which may be another file by now.
        with file, BufferedReader(file) as buffered:
            found = os.fstat(file.fileno())
            self._check(name, found, most, 0o077 if secret else OTHERS)
            self._mark(name, found.st_mtime)
            # Not read(most), which would allocate that much.
            return buffered.read(found.st_size)

    def _check(self, name: str, found: os.stat_result, most: int, forbidden: int) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise UntrustedError(f"{name} is no regular file")
        if _IDS:
            self._check_owner(name, found, forbidden)
        if found.st_size > most:
            raise UntrustedError(f"{name} has {found.st_size} bytes, more than {most}")

    def _check_owner(self, name: str, found: os.stat_result, forbidden: int) -> None:
        owners = (user(),) if self.ours else (ROOT,)
        if found.st_uid not in owners:
            raise UntrustedError(f"{name} belongs to user {found.st_uid}")
        if found.st_mode & forbidden:
            raise UntrustedError(
                f"{name} is open to other users (mode {stat.S_IMODE(found.st_mode):o})"
            )
        # A secret has two while it is made.
        if found.st_nlink != 1 and not forbidden & stat.S_IROTH:
            raise UntrustedError(f"{name} has {found.st_nlink} names")

    def write(self, name: str, content: bytes, *, mode: int, replace: bool = True) -> None:
        """Write a file, whole or not at all; ``replace=False`` keeps an existing one."""
        temporary = f"{name}.{os.getpid()}.{os.urandom(4).hex()}{TEMPORARY}"
        try:
            with BufferedWriter(
                open_file(self._at(temporary), _NEW, "wb", mode, self._handle)
            ) as file:
                file.write(content)
            # A rename replaces what is there; a second name for the file fails if there is one, so
            # the first of several writers wins. Some builds of Python have no os.link.
            put = os.replace if replace or not hasattr(os, "link") else os.link
            put(
                self._at(temporary),
                self._at(name),
                src_dir_fd=self._handle,
                dst_dir_fd=self._handle,
            )
        finally:
            with suppress(OSError):
                self.remove(temporary)

    def remove(self, name: str) -> None:
        """Remove a file. Raises OSError."""
        os.unlink(self._at(name), dir_fd=self._handle)

    def files(self) -> list[tuple[str, os.stat_result]]:
        """The names of regular files, with what the system says of them."""
        found = []
        for name in os.listdir(self.path if self._handle is None else self._handle):
            with suppress(OSError):
                about = os.stat(self._at(name), dir_fd=self._handle, follow_symlinks=False)
                if stat.S_ISREG(about.st_mode):
                    found.append((name, about))
        return found

    def _mark(self, name: str, before: float) -> None:
        """Note that a file is used now, at most once a day."""
        if self.ours and time.time() - before > DAY:
            with suppress(OSError):
                os.utime(self._at(name), dir_fd=self._handle)

    def _at(self, name: str) -> str:
        return name if self._handle is not None else str(self.path / name)


@contextmanager
def opened(path: Path, *, make: bool = False) -> Iterator[Folder]:
    """A folder of this user, or of root.

    Args:
        path: absolute. make: whether it, and what is missing above it, is made if it is missing,
            for this user alone.

    Raises UntrustedError if somebody else owns it or may write it, or may exchange it; OSError if
    it cannot be opened.
    """
    real = Path(os.path.realpath(path))
    if _IDS:
        _check_parents(real)
    if make:
        _make(real)
    if not _BY_HANDLE:
        yield Folder(real, None)
        return
    with opened_folder(real, _READ | _CAREFUL | os.O_DIRECTORY) as handle:
        found = os.fstat(handle)
        if found.st_uid not in (user(), ROOT):
            raise UntrustedError(f"it belongs to user {found.st_uid}")
        if found.st_mode & OTHERS:
            raise UntrustedError(f"other users may write it (mode {stat.S_IMODE(found.st_mode):o})")
        yield Folder(real, handle)


def _make(path: Path) -> None:
    """Make a folder, and those above it, for this user alone, whatever the umask is."""
    # mkdir's mode passes through the umask, and may be too narrow; so it is set again afterwards.
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            folder.chmod(0o700)


def _check_parents(path: Path) -> None:
    """Raise UntrustedError if another user may rename a folder on the way to ``path``.

    In a sticky folder, such as /tmp, only an owner renames. A group of the same number as the user
    is the user's own.
    """
    for folder in path.parents:
        try:
            found = folder.stat()
        except FileNotFoundError:
            continue  # it is yet to be made
        if found.st_uid not in (user(), ROOT):
            raise UntrustedError(f"{folder} above it belongs to user {found.st_uid}")
        group = stat.S_IWGRP if found.st_gid != found.st_uid else 0
        if found.st_mode & (stat.S_IWOTH | group) and not found.st_mode & stat.S_ISVTX:
            raise UntrustedError(f"other users may write {folder} above it")
