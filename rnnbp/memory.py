"""Measure the memory that a block of code takes: ``with rb.memory.measure() as used: ...``, then
``print(used)``.

Two independent figures. ``tracemalloc`` counts, to the byte, what Python and NumPy allocate; the
resident high-water mark is what the operating system saw of the whole process, BLAS and other
libraries included.
"""

from __future__ import annotations

import sys
import threading
import tracemalloc
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from rnnbp.support import forks
from rnnbp.support.figures import HighWater, Used

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]

__all__ = ["HighWater", "Used", "high_water", "measure"]


@contextmanager
def measure() -> Iterator[Used]:
    """Measure the bytes that a block allocates, and the process's resident high-water mark.

    Returns:
        A context manager whose value is a ``Used``; its figures are known after the block.

    tracemalloc counts arrays (NumPy reports its own) and Python objects, exactly, of all threads.
    It does not see what libraries allocate themselves: buffers of BLAS, workspaces of LAPACK,
    PyTorch's tensors. Tracing makes allocation slower and keeps tables of its own, which are
    resident: to measure seconds, or the high-water mark alone, use ``high_water``.

    Blocks may be nested (the inner one adds some 10 kB to the outer one). Tracing may be on
    already: it is left on with its frames and traces, and a peak that others read from tracemalloc,
    which has only one, is no lower afterwards. Tracing that others begin inside a block ends with
    it. Child processes do not count. A call of ``tracemalloc.reset_peak`` inside goes unnoticed:
    the peak is then that since the call.

    Raises RuntimeError if tracing is stopped inside, or its traces are cleared.

    >>> import numpy as np, rnnbp as rb
    >>> with rb.memory.measure() as used:
    ...     kept = np.ones(1_000_000, "float32")
    >>> 4_000_000 <= used.kept_bytes <= used.peak_bytes < 4_100_000
    True
    """
    used = Used()
    with _risen(used), allocated(used):
        yield used


@contextmanager
def allocated(used: Used) -> Iterator[None]:
    """The two figures of tracemalloc alone: the resident high-water mark is not touched."""
    block = _Block()
    try:
        with _lock:
            _traced.enter(block)
        yield
    finally:
        fault, stopped = None, None
        while fault is None:
            try:
                fault = _note_allocated(used, block)
            except (
                KeyboardInterrupt
            ) as error:  # it may come in between, even twice: tracing must end
                stopped = error
        if stopped is not None:
            raise stopped
    if fault:
        raise RuntimeError(f"{fault} inside a measured block; leave that to after the block")


def _note_allocated(used: Used, block: _Block) -> str:
    """Leave a block and note its figures, or return why they are unknown. May be called again after
    an interrupt.
    """
    fault = (
        "tracemalloc's traces were cleared"
        if tracemalloc.is_tracing()
        else "tracemalloc was stopped"
    )
    kept, traced = tracemalloc.get_traced_memory()[0] - block.before, block.is_traced()
    with _lock:
        peak = _traced.leave(block)
    if traced:
        used.peak_bytes, used.kept_bytes = peak, kept
    return "" if traced else fault


@contextmanager
def high_water() -> Iterator[HighWater]:
    """Measure how far the process's resident high-water mark rises in a block; nothing is traced or
    slower.

    Returns:
        A context manager whose value is a ``HighWater``; its figure is known after the block.

    On Linux the mark (VmHWM), and with it ``ru_maxrss``, is first set back to what is resident,
    through /proc/self/clear_refs. Where that is not permitted, and on other systems, the mark only
    rises: a block that raises it took at least the rise, and for one that stays below an earlier
    peak the rise is None. Whole pages of everything in the process count, its child processes do
    not. Memory that the process had freed but not returned is used first and raises nothing: warm
    up before.

    >>> import numpy as np, rnnbp as rb
    >>> with rb.memory.high_water() as found:
    ...     array = np.ones(10_000_000, "float32")
    >>> found.high_water_bytes is None or found.high_water_bytes >= 0
    True
    """
    found = HighWater()
    with _risen(found):
        yield found


@contextmanager
def _risen(found: HighWater) -> Iterator[None]:
    children, block = _children(), _Block()
    try:
        with _lock:
            _resident.enter(block)
        yield
    finally:
        rise, stopped = None, None
        while rise is None:
            try:
                rise = _noted(block)
            except KeyboardInterrupt as error:
                stopped = error
        if stopped is not None:
            raise stopped
        known = block.known and _resident.peak() is not None and (block.from_here or rise > 0)
        found.high_water_bytes, found.alone = rise if known else None, children == _children()


def _noted(block: _Block) -> int:
    """How far the mark rose in a block."""
    with _lock:
        return _resident.leave(block)


def _children() -> tuple[int, frozenset[str]]:
    """What changes when a child process ends, and those that run, as far as the system
    reports it.
    """
    ended = 0 if resource is None else resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt
    running: set[str] = set()
    for thread in Path("/proc/self/task").glob("*/children"):  # none where it is not Linux
        with suppress(OSError):  # a thread that has ended since
            running.update(thread.read_text(encoding="ascii").split())
    return ended, frozenset(running)


class _Block:
    """The peak when a block was entered, and the highest since."""

    def __init__(self) -> None:
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


class _Gauge(ABC):
    """A peak of which a process has only one, shared by several blocks, nested or concurrent."""

    def __init__(self) -> None:
        self.open: list[_Block] = []

    @abstractmethod
    def peak(self) -> int | None:
        """The highest count since the last ``reset``; None if the system does not report it."""

    @abstractmethod
    def reset(self) -> bool:
        """Set the peak back to what is held now; returns True if that was possible."""

    def enter(self, block: _Block) -> None:
        """Begin a block; ``leave`` must follow, after an interrupt as well."""
        self._note()  # the blocks around this one must not lose what they have seen
        from_here = self.reset()
        block.begin(self.peak(), from_here)
        self.open.append(block)

    def leave(self, block: _Block) -> int:
        """How far the peak rose since it was entered. May be called again after an interrupt."""
        self._note()
        if block in self.open:
            self.open.remove(block)
        return block.highest - block.before

    def _note(self) -> None:
        peak = self.peak() or 0
        for block in self.open:
            block.highest = max(block.highest, peak)


class _Traced(_Gauge):
    """tracemalloc's peak. Tracing continues from the first block to the end of the last, unless
    others began it.
    """

    ours = False
    foreign_peak = 0

    def peak(self) -> int:
        return tracemalloc.get_traced_memory()[1]

    def reset(self) -> bool:
        if not self.open:
            self.ours, self.foreign_peak = not tracemalloc.is_tracing(), 0
            if self.ours:
                tracemalloc.start()
        self.foreign_peak = max(self.foreign_peak, self.peak())
        tracemalloc.reset_peak()
        return True

    def leave(self, block: _Block) -> int:
        rise = super().leave(block)
        if not self.open and self.ours:
            tracemalloc.stop()
            self.ours = False
        elif not self.open:
            self._give_back()
        return rise

    def _give_back(self) -> None:
        """Raise the peak to where others had it: bytes that are allocated and not touched take no
        memory.
        """
        present, peak = tracemalloc.get_traced_memory()
        if peak < self.foreign_peak:
            with suppress(MemoryError):
                np.empty(self.foreign_peak - present, np.uint8)


class _Resident(_Gauge):
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


_lock = threading.RLock()
forks.hold(_lock)
_traced, _resident = _Traced(), _Resident()
