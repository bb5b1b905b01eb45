"""An array in a file without a name, mapped to memory: pages are there while they are used."""

from __future__ import annotations

import math
import mmap
import os
from typing import final

import numpy as np

from rnnbp.numerics import Array, Dtype, Shape
from rnnbp.storage import PathLike, StorageError
from rnnbp.storage.scratch import ScratchFile


@final
class MappedArray:
    """An array of zeros on disk, gone when it is closed, or at exit.

    All of the file is allocated first: a write to a page for which the disk has no room would end
    the process.

    Args:
        shape: of the array.
        dtype: of its elements.
        folder: of the file; None for the system's folder of temporary files.

    Raises StorageError where there is no room, or no file can be made.
    """

    def __init__(self, shape: Shape, dtype: Dtype, folder: PathLike | None) -> None:
        self.nbytes = max(1, math.prod(shape) * dtype.itemsize)
        scratch = ScratchFile(folder)
        try:
            file = scratch.open()
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, self.nbytes)
            else:
                file.truncate(self.nbytes)
            self._map = mmap.mmap(file.fileno(), self.nbytes)
        except OSError as error:
            raise StorageError(
                f"{self.nbytes:,} bytes of series between sweeps are not written to "
                f"{scratch.place}: {error.strerror or error}; free some space there, or choose "
                "another folder"
            ) from error
        finally:
            scratch.close()  # the mapping keeps the file
        self.array: Array = np.frombuffer(self._map, dtype, math.prod(shape)).reshape(shape)

    def done(self, start: int, stop: int) -> None:
        """Release the memory of some rows, which have been used; they stay on disk."""
        row = self.array.strides[0]
        first = -(-start * row // mmap.PAGESIZE) * mmap.PAGESIZE
        length = stop * row - first
        if length > 0 and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED, first, length)
