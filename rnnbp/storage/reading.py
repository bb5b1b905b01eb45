"""Opening files for reading: regular ones alone, as many bytes as they have."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from io import BufferedReader, FileIO
from pathlib import Path

import numpy as np

from rnnbp.numerics import Array, StorageError
from rnnbp.storage.errors import PathLike, read_error
from rnnbp.support.descriptors import open_file

PIECE = 1 << 20
"""Bytes that are read or written at once."""


@contextlib.contextmanager
def opened(path: PathLike) -> Iterator[tuple[BufferedReader, int]]:
    """(file, size) of a regular file; a pipe, device or folder is refused without waiting for it.

    The file is checked after it has been opened, so that it cannot be exchanged in between. Raises
    StorageError, also for errors while it is read.
    """
    try:
        with _open(Path(path)) as file, open(file.fileno(), "rb", closefd=False) as buffered:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise _irregular(path)
            yield buffered, found.st_size
    except OSError as error:
        raise read_error(path, error) from error


def read_bounded(path: PathLike, most: int) -> bytes:
    """All of a regular file of at most ``most`` bytes. Raises StorageError."""
    with opened(path) as (file, size):
        if size > most:
            raise StorageError(
                f"{path} has {size} bytes, at most {most} can be meant; name another file, or "
                "restore it from a copy"
            )
        data = file.read(size)
        check_size(path, len(data), size, file)
        return data


def read_into(path: PathLike, file: BufferedReader, array: Array) -> Iterator[memoryview]:
    """Fill an array with the next bytes of a file, yielded in pieces. Raises StorageError."""
    rest = array.reshape(-1).view(np.uint8).data
    while rest:
        count = file.readinto(rest[:PIECE])
        if not count:
            raise StorageError(
                f"{path} has been cut while it was read; read it when no process writes to it"
            )
        yield rest[:count]
        rest = rest[count:]


def check_size(path: PathLike, found: int, size: int, file: BufferedReader) -> None:
    """Raise StorageError if a file of ``size`` bytes changed its length meanwhile."""
    if found != size or file.read(1):
        raise StorageError(
            f"{path} has changed while it was read; read it when no process writes to it"
        )


def _irregular(path: PathLike) -> StorageError:
    return StorageError(f"{path} is not a regular file; give the path of a file to read")


def _open(path: Path) -> FileIO:
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    # A pipe without a writer would wait.
    flags |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
    try:
        return open_file(path, flags, "rb")
    except IsADirectoryError:
        raise _irregular(path) from None
    except ValueError as error:  # a NUL in the path
        raise StorageError(f"{path} is no path: {error}; give that of a file to read") from None
