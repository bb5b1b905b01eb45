"""Files without a name, for data outside of memory: gone when closed, or at exit."""

from __future__ import annotations

import contextlib
import os
import tempfile
import warnings
from io import FileIO
from pathlib import Path

from rnnbp.storage import PathLike
from rnnbp.support.descriptors import open_file

MOUNTS = "/proc/self/mountinfo"
"""Linux's list of what is mounted; other systems have none."""
IN_MEMORY = frozenset({"tmpfs", "ramfs", "devtmpfs", "hugetlbfs"})
"""Kinds of file systems that hold their files in memory."""
WORTH = 2**20
"""Bytes in memory that are worth a warning."""

_warned: set[int] = set()
"""The devices that were warned of."""


class ScratchFile:
    """Bytes at offsets of a file that is created at the first write.

    The file is unbuffered, so that closing it writes nothing. Warns once if its folder is held in
    memory, when there is more than a little in it. Raises OSError as the system does.
    """

    def __init__(self, folder: PathLike | None) -> None:
        self.folder = folder
        self.file: FileIO | None = None
        self._looked = False

    @property
    def place(self) -> Path:
        """The folder."""
        return Path(self.folder or tempfile.gettempdir())

    def open(self) -> FileIO:
        """Create the file, if it does not exist."""
        if self.file is None:
            self.file = nameless(self.place)
        return self.file

    def write(self, start: int, data: memoryview) -> None:
        """Write all of ``data``, of bytes."""
        file = self.open()
        file.seek(start)
        end = start + data.nbytes
        while data:
            data = data[file.write(data) :]
        if end >= WORTH and not self._looked:
            self._looked = True
            _warn_of_memory(file, self.place)

    def read(self, start: int, data: memoryview) -> bool:
        """Fill ``data``, from what was written; returns False if the file is too short."""
        file = self.file
        assert file is not None
        file.seek(start)
        while data:
            count = file.readinto(data)
            if not count:
                return False
            data = data[count:]
        return True

    def close(self) -> None:
        """Remove it."""
        if self.file is not None:
            with contextlib.suppress(OSError):
                self.file.close()


def nameless(folder: Path) -> FileIO:
    """A new file that no interrupt leaves open, as ``tempfile.TemporaryFile`` could."""
    if hasattr(os, "O_TMPFILE"):
        with contextlib.suppress(OSError):  # a file system without nameless files
            return open_file(
                folder, os.O_TMPFILE | os.O_RDWR | os.O_EXCL | os.O_CLOEXEC, "rb+", 0o600
            )
    return tempfile.TemporaryFile("w+b", dir=folder, prefix="rnnbp-", buffering=0)


def _warn_of_memory(file: FileIO, place: Path) -> None:
    """Warn, once for each device, if a file is held in memory."""
    device = os.fstat(file.fileno()).st_dev
    if device not in _warned and (kind := _in_memory(device)) is not None:
        _warned.add(device)
        warnings.warn(
            f"{place} is a {kind}: what goes to disk there, streams and checkpoints, is held in "
            f"memory, and no budget counts it; give folder=, or set TMPDIR, to a folder on a disk",
            stacklevel=2,
        )


def _in_memory(device: int) -> str | None:
    """The kind of file system of a device, if it holds files in memory; None if unknown."""
    try:
        wanted = f"{os.major(device)}:{os.minor(device)}"
        with open(MOUNTS, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                # A line has ids, device, folder, options - kind, source, options.
                mount, _, described = line.partition(" - ")
                kind = described.split(" ", 1)[0]
                if mount.split(" ")[2:3] == [wanted]:
                    return kind if kind in IN_MEMORY else None
    except (OSError, AttributeError):  # the file or the function does not exist: not Linux
        return None
    return None
