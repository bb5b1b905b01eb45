"""Room on the stack of our own threads, whatever ``threading.stack_size`` says: too little ends the process."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rnnbp import forks

LEAST = 2**22
"""Bytes of a thread's stack that the compiler needs, and more: for a cell it takes some 200 kB."""
ROOM = 2**24
"""Bytes of the stack of our own threads; memory is taken as it is used."""
_changing = threading.RLock()
forks.hold(_changing)


@contextmanager
def room() -> Iterator[None]:
    """Threads that are started within have a stack of ``LEAST`` bytes at least."""
    if (now := threading.stack_size()) >= LEAST or (now == 0 and sys.platform == "linux"):  # 0 is the system's, 8 MB
        yield
        return
    with _changing:
        try:
            before = threading.stack_size(ROOM)
        except (ValueError, RuntimeError):  # the system has its own rules
            yield
            return
        try:
            yield
        finally:
            threading.stack_size(before)
