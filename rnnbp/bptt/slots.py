"""Slots: where checkpoints are held, in RAM or on disk."""

from __future__ import annotations

import os
import tempfile
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from rnnbp.actions import TIERS, Tier
from rnnbp.bptt.results import States
from rnnbp.ledger import Ledger
from rnnbp.numerics import Array, Shape
from rnnbp.storage import StorageError


@dataclass(frozen=True, slots=True)
class Written:
    """A checkpoint in a file: its arrays one after the other, and the CRC-32 of all."""

    file: IO[bytes]
    shapes: tuple[tuple[tuple[Shape, str], ...], ...]
    crc: int


class Slots:
    """Checkpoints by chunk number.

    Those on disk are written on a thread, one after the other, into files that have no name, so that nothing is
    left of them when they are closed or the process dies. Until a checkpoint is written it is held in RAM, of the
    kind "disk buffer" in the ledger.

    Args:
        ledger: counts what is held in RAM.
        folder: where the files go; None for the system's folder of temporary files.
    """

    def __init__(self, ledger: Ledger, folder: str | os.PathLike[str] | None = None) -> None:
        self.ledger, self.folder = ledger, folder
        self.tiers: dict[int, Tier] = {}
        self.in_tier: dict[str, int] = {str(tier): 0 for tier in TIERS}
        self._ram: dict[int, States] = {}
        self._disk: dict[int, Future[Written]] = {}
        self._buffers: dict[int, States] = {}
        self._thread: ThreadPoolExecutor | None = None

    def __len__(self) -> int:
        return len(self.tiers)

    def store(self, n: int, states: States, tier: Tier) -> None:
        """Hold a copy of ``states``. Raises StorageError where an earlier write to disk failed."""
        copy = tuple(tuple(a.copy() for a in arrays) for arrays in states)
        self.tiers[n] = tier
        self.in_tier[tier] += 1
        if tier == "ram":
            self._ram[n] = copy
            self.ledger.hold("checkpoint", copy)
            return
        self._settle()
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="rnnbp-disk")
        self._buffers[n] = copy
        self.ledger.hold("disk buffer", copy)
        self._disk[n] = self._thread.submit(_write, copy, self.folder, n)

    def load(self, n: int) -> States:
        """The states of a slot. Raises StorageError where they could not be written, or are not what was written."""
        return self._ram[n] if self.tiers[n] == "ram" else _read(self._disk[n].result(), n)

    def drop(self, n: int) -> None:
        """Release a slot."""
        tier = self.tiers.pop(n)
        self.in_tier[tier] -= 1
        if tier == "ram":
            self.ledger.release(self._ram.pop(n))
        else:
            self._disk.pop(n).result().file.close()
            self._settle()

    def close(self) -> None:
        """Remove all files, whatever state they are in."""
        if self._thread is not None:
            self._thread.shutdown(wait=True, cancel_futures=True)
        for future in self._disk.values():
            if future.done() and not future.cancelled() and future.exception() is None:
                future.result().file.close()

    def _settle(self) -> None:
        """Let go of the buffers that have been written; at most one write waits."""
        for n in list(self._buffers):
            if n in self._disk:
                self._disk[n].result()
            self.ledger.release(self._buffers.pop(n))


def _write(states: States, folder: str | os.PathLike[str] | None, n: int) -> Written:
    place = Path(folder or tempfile.gettempdir())
    try:
        file = tempfile.TemporaryFile(dir=folder, prefix="rnnbp-")  # noqa: SIM115  # closed by drop or close
    except OSError as error:
        raise StorageError(
            f"checkpoint {n}: no file can be made in {place}: {error.strerror or error}; choose another folder"
        ) from error
    crc, shapes = 0, []
    try:
        for arrays in states:
            for array in arrays:
                data = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
                crc = zlib.crc32(data, crc)
                file.write(data)
            shapes.append(tuple((a.shape, a.dtype.str) for a in arrays))
        file.flush()
    except OSError as error:
        file.close()
        raise StorageError(
            f"checkpoint {n} is not written to {place}: {error.strerror or error}; free some space there"
        ) from error
    return Written(file, tuple(shapes), crc)


def _read(written: Written, n: int) -> States:
    written.file.seek(0)
    crc, found = 0, []
    for described in written.shapes:
        arrays: list[Array] = []
        for shape, dtype in described:
            array = np.empty(shape, dtype)
            data = written.file.read(array.nbytes)
            crc = zlib.crc32(data, crc)
            if len(data) == array.nbytes:
                array[...] = np.frombuffer(data, dtype).reshape(shape)
            arrays.append(array)
        found.append(tuple(arrays))
    if crc != written.crc:
        raise StorageError(f"checkpoint {n} on disk was damaged since it was written; check the disk, and run again")
    return tuple(found)
