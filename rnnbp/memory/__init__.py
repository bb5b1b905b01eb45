"""Measure the memory that a block of code takes.

``with rb.memory.measure() as used: ...``, then ``print(used)``, which shows two independent
figures. ``tracemalloc`` counts, to the byte, what Python and NumPy allocate; the resident
high-water mark is what the operating system saw of the whole process, BLAS and other libraries
included.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rnnbp.memory.gauges import Block, children, lock, resident, traced
from rnnbp.memory.measuring import Measuring
from rnnbp.support.figures import HighWater, Used
from rnnbp.support.helping import names_of
from rnnbp.wording.arguments import takes
from rnnbp.wording.attributes import refusing

__all__ = ["HighWater", "Used", "high_water", "measure"]

__dir__ = names_of(__all__, page=False)

if not TYPE_CHECKING:  # type checkers read __all__
    __getattr__ = refusing("rnnbp.memory", __all__)


@takes()
def measure() -> Measuring[Used]:
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
    return Measuring(_measured, "measure")


@contextmanager
def _measured() -> Iterator[Used]:
    used = Used()
    with _risen(used), allocated(used):
        yield used


@contextmanager
def allocated(used: Used) -> Iterator[None]:
    """The two figures of tracemalloc alone: the resident high-water mark is not touched."""
    block = Block()
    try:
        with lock:
            traced.enter(block)
        yield
    finally:
        fault, stopped = None, None
        while fault is None:
            try:
                fault = _note_allocated(used, block)
            except KeyboardInterrupt as error:
                # It may come in between, even twice: tracing must end.
                stopped = error
        if stopped is not None:
            raise stopped
    if fault:
        raise RuntimeError(f"{fault} inside a measured block; leave that to after the block")


def _note_allocated(used: Used, block: Block) -> str:
    """Leave a block and note its figures, or return why they are unknown.

    May be called again after an interrupt.
    """
    fault = (
        "tracemalloc's traces were cleared"
        if tracemalloc.is_tracing()
        else "tracemalloc was stopped"
    )
    kept, known = tracemalloc.get_traced_memory()[0] - block.before, block.is_traced()
    with lock:
        peak = traced.leave(block)
    if known:
        used.peak_bytes, used.kept_bytes = peak, kept
    return "" if known else fault


@takes()
def high_water() -> Measuring[HighWater]:
    """Measure how far the process's resident high-water mark rises in a block, untraced.

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
    return Measuring(_marked, "high_water")


@contextmanager
def _marked() -> Iterator[HighWater]:
    found = HighWater()
    with _risen(found):
        yield found


@contextmanager
def _risen(found: HighWater) -> Iterator[None]:
    before, block = children(), Block()
    try:
        with lock:
            resident.enter(block)
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
        known = block.known and resident.peak() is not None and (block.from_here or rise > 0)
        found.high_water_bytes, found.alone = rise if known else None, before == children()


def _noted(block: Block) -> int:
    """How far the mark rose in a block."""
    with lock:
        return resident.leave(block)
