"""A checkpoint in a file: written and read as one piece, and checked by its CRC-32."""

from __future__ import annotations

import zlib
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np

from rnnbp.inputs.states import States
from rnnbp.storage import StorageError
from rnnbp.storage.scratch import ScratchFile


@dataclass(frozen=True, slots=True)
class Written:
    """A checkpoint in the file: its arrays in order from ``start``, and the CRC-32 of all."""

    file: ScratchFile
    start: int
    crc: int


def write(states: States, file: ScratchFile, start: int, n: int) -> Written:
    """Write checkpoint n from ``start`` on. Raises StorageError where that fails."""
    try:
        file.open()
    except OSError as error:
        raise StorageError(
            f"checkpoint {n}: no file can be made in {file.place}: {error.strerror or error}; "
            "choose another folder"
        ) from error
    crc, at = 0, start
    try:
        for array in (array for arrays in states for array in arrays):
            data = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
            crc = zlib.crc32(data, crc)
            file.write(at, data)
            at += array.nbytes
    except OSError as error:
        raise StorageError(
            f"checkpoint {n} is not written to {file.place}: {error.strerror or error}; free some "
            "space there"
        ) from error
    return Written(file, start, crc)


def read(future: Future[Written], buffers: States, n: int) -> States:
    """Fill ``buffers`` from checkpoint n. Raises StorageError where it is not what was written."""
    written, crc, complete = future.result(), 0, True
    at = written.start
    for array in (array for arrays in buffers for array in arrays):
        data = array.reshape(-1).view(np.uint8).data
        complete &= written.file.read(at, data)
        crc = zlib.crc32(data, crc)
        at += array.nbytes
    if not complete or crc != written.crc:
        raise StorageError(
            f"checkpoint {n} on disk was damaged since it was written; check the disk, and run "
            "again"
        )
    return buffers
