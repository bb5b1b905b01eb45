"""What ``rnnbp show`` prints of files of NumPy: the headers of arrays are read, and no pickle."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from rnnbp.cli.errors import CommandError
from rnnbp.cli.shown_tensors import Row, array_table
from rnnbp.numerics import Dtype, Shape
from rnnbp.storage import opened
from rnnbp.support.reprs import bytes_text, counted

NPY = ".npy"
UNREAD = ", a pickle, not read"
UNSAFE = (
    "which can run any code and is never read; in PyTorch, "
    "safetensors.torch.save_file(net.state_dict(), path) writes weights"
)
"""What an error says of a pickle."""
ZIPS = (
    ("data.pkl", f"a pickle of PyTorch in a zip file, {UNSAFE}"),
    (
        "model.weights.h5",
        "a model of Keras; rnnbp convert makes it one of rnnbp, which is shown",
    ),
)
"""What zip files are that have a member of this name."""


def array_lines(path: Path) -> Iterator[str]:
    """The array of an .npy file."""
    with opened(path) as (file, size):
        row = _row(path, "the array", file, size)
    yield f"format    an array of NumPy, {bytes_text(size)}"
    yield from ("", *array_table([row]))


def archive_lines(path: Path) -> Iterator[str]:
    """The arrays of an .npz file. Raises CommandError for a different zip file."""
    rows, size = _archive(path)
    total = sum(row[3] for row in rows)
    yield f"format    arrays of NumPy, {bytes_text(size)}"
    yield f"arrays    {counted(len(rows), 'array')} of {bytes_text(total)}"
    if rows:
        yield from ("", *array_table(rows))


def check_archive(path: Path) -> None:
    """Raise CommandError unless a file is an .npz file of arrays without pickles."""
    for name, _, dtype, _ in _archive(path)[0]:
        if dtype.endswith(UNREAD):
            raise CommandError(
                f"{path}: {name} is of Python's objects, a pickle, which is never read; save "
                "arrays of numbers"
            )


def _archive(path: Path) -> tuple[list[Row], int]:
    """The arrays of an .npz file, and its size."""
    with opened(path) as (file, size):
        try:
            with zipfile.ZipFile(file) as archive:
                rows = [_member(path, archive, name) for name in _members(path, archive)]
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            raise CommandError(
                f"{path} is cut short, or no archive that can be read: {error}; take another copy "
                "of it"
            ) from None
    return rows, size


def _members(path: Path, archive: zipfile.ZipFile) -> list[str]:
    names = archive.namelist()
    for last, what in ZIPS:
        if any(name.rpartition("/")[2] == last for name in names):
            raise CommandError(f"{path} is {what}")
    if others := [name for name in names if not name.endswith(NPY)]:
        raise CommandError(
            f"{path} is a zip file that holds {others[0]!r}, not arrays of NumPy alone; unpack it"
        )
    return names


def _member(path: Path, archive: zipfile.ZipFile, name: str) -> Row:
    with archive.open(name) as member:
        return _row(path, name.removesuffix(NPY), member, archive.getinfo(name).file_size)


def _row(path: Path, name: str, file: IO[bytes], size: int) -> Row:
    """(name, shape, dtype, bytes) by the header of an array in a file of this size."""
    try:
        shape, dtype = _header(file)
    except ValueError as error:
        raise CommandError(
            f"{path}: {name} is no array of NumPy: {error}; take another copy of it"
        ) from None
    if dtype.hasobject:  # a pickle follows, of any length
        return name, shape, f"{dtype}{UNREAD}", size
    count = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if (found := size - file.tell()) != count:
        raise CommandError(
            f"{path}: {name} is cut short or damaged, it has {found} bytes of {count}; take "
            "another copy of it"
        )
    return name, shape, str(dtype), count


def _header(file: IO[bytes]) -> tuple[Shape, Dtype]:
    major, _ = np.lib.format.read_magic(file)
    read = np.lib.format
    shape, _, dtype = (
        read.read_array_header_1_0(file) if major == 1 else read.read_array_header_2_0(file)
    )
    return shape, dtype
