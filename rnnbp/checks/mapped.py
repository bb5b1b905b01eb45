"""Mapped files: reading past the end of one that was cut short ends the process."""

from __future__ import annotations

import mmap
from dataclasses import dataclass

import numpy as np

from rnnbp.numerics import Array, StorageError


@dataclass(frozen=True)
class MappedFile:
    """A file as it was mapped: ``end`` is the offset after its last mapped byte."""

    memory: mmap.mmap
    name: str
    end: int

    def check(self) -> None:
        """Raise StorageError if the file is shorter now than its mapped part."""
        size = self.memory.size()
        if size < self.end:
            raise StorageError(
                f"{self.name} was cut short while it was mapped, to {size:,} bytes of "
                f"{self.end:,}; write to another file and rename it, or give the array in memory"
            )


def mapped_file(array: object) -> MappedFile | None:
    """The file that an array is mapped from, through any number of views; None for other memory."""
    owner, offset, name = array, 0, "a file"
    while isinstance(owner, np.ndarray):
        if isinstance(owner, np.memmap) and owner.filename is not None:
            offset, name = (
                owner.offset - owner.offset % mmap.ALLOCATIONGRANULARITY,
                str(owner.filename),
            )
        owner = _below(owner)
    if not isinstance(owner, mmap.mmap):
        return None
    try:
        owner.size()
    except (OSError, ValueError):  # of no file, or closed
        return None
    return MappedFile(owner, name, offset + len(owner))


def check_there(*arrays: object) -> None:
    """Raise StorageError if one of them is mapped from a file that was cut short since."""
    for array in arrays:
        if not isinstance(array, np.ndarray) or (base := array.base) is None:
            continue
        if type(base) is np.ndarray and base.base is None:  # a view of memory of NumPy's own
            continue
        if (file := mapped_file(array)) is not None:
            file.check()


def _below(array: Array) -> object:
    """The owner of an array's memory."""
    base = array.base
    return base.obj if isinstance(base, memoryview) else base
