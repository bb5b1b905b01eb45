"""Peaks of which a process has only one, shared by the blocks that are measured."""

from __future__ import annotations

import sys
import threading
import tracemalloc
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from weakref import ref

import numpy as np

from rnnbp.support import forks

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]  # looked at before each use


class Tracing:
    """tracemalloc's tracing, which ends when the last block that holds this lets go of it.

    C counts the references and calls ``stop``: no interrupt comes in between. So tracing ends even
    where interrupts have kept a block from being left, and the last reference goes with its frames.
    """

    __del__ = staticmethod(tracemalloc.stop)


class Block:
    """The peak when a block was entered, and the highest since."""

    def __init__(self) -> None:
        self.tracing: Tracing | None = None
        """None where others began it."""
        self.begin(0, False)

    def begin(self, before: int | None, from_here: bool) -> None:
        """Begin the block.

        Args:
            before: the peak before, None if unknown.
            from_here: True if the peak has been reset to what is held.
        """
        self.before = self.highest = before or 0
        self.known, self.from_here = before is not None, from_here
        self._mark = bytearray(1)

    def is_traced(self) -> bool:
        """True if tracemalloc still knows what was allocated when the block was entered."""
        return tracemalloc.get_object_traceback(self._mark) is not None


class Gauge(ABC):
    """A peak of which a process has only one, shared by several blocks, nested or concurrent.

    It refers to blocks weakly: one that interrupts have kept from being left is closed with it.
    """

    def __init__(self) -> None:
        self._open: list[ref[Block]] = []

    @property
    def open(self) -> list[Block]:
        """The blocks that have been entered, and not left."""
        return [block for known in self._open if (block := known()) is not None]

    @abstractmethod
    def peak(self) -> int | None:
        """The highest count since the last ``reset``; None if the system does not report it."""

    @abstractmethod
    def reset(self) -> bool:
        """Set the peak back to what is held now; returns True if that was possible."""

    def enter(self, block: Block) -> None:
        """Begin a block; ``leave`` must follow, after an interrupt as well."""
        self._note()  # the blocks around this one must not lose what they have seen
        from_here = self.reset()
        block.begin(self.peak(), from_here)
        self._open.append(ref(block))

    def leave(self, block: Block) -> int:
        """How far the peak rose since it was entered. May be called again after an interrupt."""
        self._note()
        self._open = [known for known in self._open if known() not in (None, block)]
        return block.highest - block.before

    def _note(self) -> None:
        peak = self.peak() or 0
        for block in self.open:
            block.highest = max(block.highest, peak)


class Traced(Gauge):
    """tracemalloc's peak, traced from the first block to the last unless others began it."""

    foreign_peak = 0

    def peak(self) -> int:
        return tracemalloc.get_traced_memory()[1]

    def reset(self) -> bool:
        self.foreign_peak = max(self.foreign_peak, self.peak())
        tracemalloc.reset_peak()
        return True

    def enter(self, block: Block) -> None:
        if around := self.open:
            block.tracing = around[0].tracing
        else:
            self.foreign_peak = 0
            if not tracemalloc.is_tracing():
                block.tracing = Tracing()  # before it begins: an interrupt may follow at once
                tracemalloc.start()
        super().enter(block)

    def leave(self, block: Block) -> int:
        rise, ours = super().leave(block), block.tracing is not None
        block.tracing = None
        if not ours and not self.open:
            self._give_back()
        return rise

    def _give_back(self) -> None:
        """Raise the peak to where others had it: bytes that are not touched take no memory."""
        present, peak = tracemalloc.get_traced_memory()
        if peak < self.foreign_peak and tracemalloc.is_tracing():
            with suppress(MemoryError):
                np.empty(self.foreign_peak - present, np.uint8)


class Resident(Gauge):
    """The resident high-water mark of the process."""

    def peak(self) -> int | None:
        """Linux's VmHWM, or elsewhere ru_maxrss (bytes on macOS, else kB), or None."""
        try:
            with open("/proc/self/status", encoding="ascii", errors="replace") as lines:
                return next(
                    1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")
                )
        except (OSError, StopIteration, ValueError, IndexError):
            if resource is None:
                return None
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
                1 if sys.platform == "darwin" else 1024
            )

    def reset(self) -> bool:
        try:
            with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
                file.write("5")
        except OSError:  # where it is not Linux, or not permitted, the mark only rises
            return False
        return True


def children() -> tuple[int, frozenset[str]]:
    """(what changes when a child process ends, those that run), as the system reports it."""
    ended = 0 if resource is None else resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt
    running: set[str] = set()
    for thread in Path("/proc/self/task").glob("*/children"):  # none where it is not Linux
        with suppress(OSError):  # a thread that has ended since
            running.update(thread.read_text(encoding="ascii").split())
    return ended, frozenset(running)


lock = threading.RLock()
forks.hold(lock)
traced, resident = Traced(), Resident()
