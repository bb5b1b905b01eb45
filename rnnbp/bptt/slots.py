"""Slots: where checkpoints are held, in RAM or on disk."""

from __future__ import annotations

import math
import os
from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeAlias

import numpy as np

from rnnbp.actions import TIERS, Tier
from rnnbp.bptt.checkpoint_file import Written, read, write
from rnnbp.inputs.states import States
from rnnbp.ledger import Ledger
from rnnbp.numerics import Dtype, Shape
from rnnbp.storage.scratch import ScratchFile

Shapes: TypeAlias = tuple[tuple[tuple[Shape, Dtype], ...], ...]
"""Shape and dtype of every array of a checkpoint."""


class Slots:
    """Checkpoints by chunk number.

    A thread writes those on disk, in order, into a file without a name: nothing is left of it when
    it is closed or the process dies. Until then they are in RAM, as "disk buffer" in the ledger.

    Args:
        ledger: counts what is held in RAM.
        folder: where the file goes; None for the system's folder of temporary files.
    """

    def __init__(self, ledger: Ledger, folder: str | os.PathLike[str] | None = None) -> None:
        self.ledger, self._file = ledger, ScratchFile(folder)
        self._end, self._free = 0, dict[int, list[int]]()
        self.tiers: dict[int, Tier] = {}
        self.in_tier: dict[str, int] = {str(tier): 0 for tier in TIERS}
        self._ram: dict[int, States] = {}
        self._disk: dict[int, Future[Written]] = {}
        self._buffers: dict[int, States] = {}
        self._shapes: dict[int, Shapes] = {}
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
        copy = tuple([tuple([a.copy() for a in arrays]) for arrays in states])
        self.tiers[n] = tier
        self.in_tier[tier] += 1
        if tier == "ram":
            self._ram[n] = copy
            self.ledger.hold("checkpoint", copy)
            return
        self.release_written()
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="rnnbp-disk")
        self._buffers[n] = copy
        self._shapes[n] = tuple([tuple([(a.shape, a.dtype) for a in arrays]) for arrays in copy])
        self.ledger.hold("disk buffer", copy)
        start = self._place(_size(self._shapes[n]))
        self._disk[n] = self._thread.submit(write, copy, self._file, start, n)

    def _place(self, size: int) -> int:
        """Where in the file there is room for a number of bytes."""
        if self._free.get(size):
            return self._free[size].pop()
        self._end += size
        return self._end - size

    def read_ahead(self, n: int) -> None:
        """Begin to read a slot on disk, on the thread; ``load`` takes what was read."""
        assert self._thread is not None
        buffers = tuple([tuple([np.empty(*like) for like in arrays]) for arrays in self._shapes[n]])
        self.ledger.hold("read ahead", buffers)
        self._ahead[n] = buffers, self._thread.submit(read, self._disk[n], buffers, n)

    def load(self, n: int) -> States:
        """The states of a slot. Raises StorageError where it was not written, or is damaged."""
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
            size, written = _size(self._shapes.pop(n)), self._disk.pop(n).result()
            self._free.setdefault(size, []).append(written.start)
            self.release_written()

    def close(self) -> None:
        """Remove the file, whatever state it is in."""
        if self._thread is not None:
            self._thread.shutdown(wait=True, cancel_futures=True)
        self._file.close()

    def release_written(self) -> None:
        """Let go of the buffers that have been written; at most one write waits."""
        for n in list(self._buffers):
            if n in self._disk:
                self._disk[n].result()
            self.ledger.release(self._buffers.pop(n))


def _size(shapes: Shapes) -> int:
    return sum(dtype.itemsize * math.prod(shape) for arrays in shapes for shape, dtype in arrays)
