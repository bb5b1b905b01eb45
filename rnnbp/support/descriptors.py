"""Opening files and folders so that an interrupt leaves none open.

CPython looks for signals after each call, so the number that ``os.open`` returns is lost where one
comes then. Here C hands it on, to an object or to a list, before that: ``next(map(f, map(g,
...)))`` is one call.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from io import FileIO
from pathlib import Path


def open_file(
    path: str | Path, flags: int, mode: str, permissions: int = 0o666, folder: int | None = None
) -> FileIO:
    """An open file, which closes when it is dropped.

    Args:
        path: where it is. flags, permissions: as ``os.open`` takes them. mode: what ``FileIO`` may
            do, such as "rb".
        folder: the number of the folder that ``path`` is relative to.

    Raises OSError (IsADirectoryError for a folder, also where it is only read), ValueError for a
    NUL in the path.
    """
    kept: dict[str, int] = {}
    numbers = map(partial(os.open, dir_fd=folder), (path,), (flags,), (permissions,))
    try:
        return next(map(FileIO, map(partial(kept.setdefault, "number"), numbers), (mode,)))
    except OSError:  # not of an interrupt: then there is a FileIO, which has closed it
        if "number" in kept:
            os.close(kept["number"])
        raise


@contextmanager
def opened_folder(path: str | Path, flags: int) -> Iterator[int]:
    """The number of an open folder; ``flags`` are those of ``os.open``. Raises OSError."""
    numbers: list[int] = []
    try:
        numbers.extend(map(os.open, (path,), (flags,)))
        yield numbers[0]
    finally:
        if numbers:
            os.close(numbers[0])
