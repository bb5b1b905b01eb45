"""Slots: where checkpoints are held, in RAM or on disk."""

from __future__ import annotations

import os
import tempfile
import zlib
from collections.abc import Collection, Container, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from rnnbp.actions import TIERS, Action, Backward, Drop, Keep, Load, Record, Store, Tier
from rnnbp.bptt.results import States
from rnnbp.ledger import Ledger
from rnnbp.numerics import Shape
from rnnbp.storage import StorageError


@dataclass(frozen=True, slots=True)
class Written:
    """A checkpoint in a file: its arrays one after the other, and the CRC-32 of all."""

    file: IO[bytes]
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
        self._shapes: dict[int, tuple[tuple[tuple[Shape, np.dtype[Any]], ...], ...]] = {}
        self._ahead: dict[int, tuple[States, Future[States]]] = {}
        self._thread: ThreadPoolExecutor | None = None

    def __len__(self) -> int:
        return len(self.tiers)

    @property
    def on_disk(self) -> Collection[int]:
        """The slots on disk."""
        return self._disk.keys()

    def store(self, n: int, states: States, tier: Tier) -> None:
        """Hold a copy of ``states``. Raises StorageError where an earlier write to disk failed."""
        copy = tuple(tuple(a.copy() for a in arrays) for arrays in states)
        self.tiers[n] = tier
        self.in_tier[tier] += 1
        if tier == "ram":
            self._ram[n] = copy
            self.ledger.hold("checkpoint", copy)
            return
        self.settle()
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="rnnbp-disk")
        self._buffers[n] = copy
        self._shapes[n] = tuple(tuple((a.shape, a.dtype) for a in arrays) for arrays in copy)
        self.ledger.hold("disk buffer", copy)
        self._disk[n] = self._thread.submit(_write, copy, self.folder, n)

    def read_ahead(self, n: int) -> None:
        """Begin to read a slot on disk, on the thread; ``load`` takes what was read."""
        assert self._thread is not None
        buffers = tuple(tuple(np.empty(*like) for like in arrays) for arrays in self._shapes[n])
        self.ledger.hold("read ahead", buffers)
        self._ahead[n] = buffers, self._thread.submit(_read, self._disk[n], buffers, n)

    def load(self, n: int) -> States:
        """The states of a slot. Raises StorageError where they could not be written, or are not what was written."""
        if self.tiers[n] == "ram":
            return self._ram[n]
        if n not in self._ahead:
            self.read_ahead(n)
        buffers, reading = self._ahead.pop(n)
        self.ledger.release(buffers)
        return reading.result()

    def drop(self, n: int) -> None:
        """Release a slot."""
        tier = self.tiers.pop(n)
        self.in_tier[tier] -= 1
        if tier == "ram":
            self.ledger.release(self._ram.pop(n))
        else:
            del self._shapes[n]
            self._disk.pop(n).result().file.close()
            self.settle()

    def close(self) -> None:
        """Remove all files, whatever state they are in."""
        if self._thread is not None:
            self._thread.shutdown(wait=True, cancel_futures=True)
        for future in self._disk.values():
            if future.done() and not future.cancelled() and future.exception() is None:
                future.result().file.close()

    def settle(self) -> None:
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
    crc = 0
    try:
        for arrays in states:
            for array in arrays:
                data = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
                crc = zlib.crc32(data, crc)
                file.write(data)
        file.flush()
    except OSError as error:
        file.close()
        raise StorageError(
            f"checkpoint {n} is not written to {place}: {error.strerror or error}; free some space there"
        ) from error
    return Written(file, crc)


def _read(written: Future[Written], buffers: States, n: int) -> States:
    file, crc, complete = written.result().file, 0, True
    file.seek(0)
    for array in (array for arrays in buffers for array in arrays):
        data = array.reshape(-1).view(np.uint8).data
        complete &= file.readinto(data) == array.nbytes  # type: ignore[attr-defined]
        crc = zlib.crc32(data, crc)
    if not complete or crc != written.result().crc:
        raise StorageError(f"checkpoint {n} on disk was damaged since it was written; check the disk, and run again")
    return buffers


def read_ahead(
    action: Action, after: Action | None, on_disk: Container[int], taped: Sequence[Collection[int]]
) -> int | None:
    """Which slot on disk may be read while ``action`` runs: that of the Load after it, if no tape has that state."""
    if not isinstance(after, Load) or after.n not in on_disk or isinstance(action, Store | Load | Drop):
        return None
    freed, made = isinstance(action, Backward), isinstance(action, Record | Keep)
    for n in (after.n, after.n - 1):
        if (n == action.n and made) or (any(n in tapes for tapes in taped) and not (n == action.n and freed)):
            return None
    return after.n
