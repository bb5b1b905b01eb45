"""Room on the stack of our own threads, whatever ``threading.stack_size`` says: too little ends the process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rnnbp import forks

ROOM = 2**24
"""Bytes of the stack of our own threads; memory is taken as it is used. LLVM needs some 200 kB for a cell."""
_changing = threading.RLock()
forks.hold(_changing)


@contextmanager
def room() -> Iterator[None]:
    """Threads that are started within have a stack of ``ROOM`` bytes."""
    with _changing:  # to ask for the size alone would set it to 0
        try:
            before = threading.stack_size(ROOM)
        except (ValueError, RuntimeError):  # the system has its own rules
            yield
            return
        try:
            yield
        finally:
            threading.stack_size(before)
