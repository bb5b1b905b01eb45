"""Room on the stack of a thread: too little ends the process."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rnnbp.support import forks

ROOM = 2**24
"""Bytes of the stack of our own threads; memory is taken as it is used. LLVM needs some 200 kB for
a cell.
"""
LEAST = 2**17
"""Bytes of a stack that NumPy and machine code run on: 48 kB are enough, 32 kB are not."""
ATTRIBUTES = 128
"""Bytes of C's ``pthread_attr_t``, which has 64 at most on x86 and ARM."""
_changing = threading.RLock()
forks.hold(_changing)
_here = threading.local()
"""Whether the thread's stack is small, as ``cramped``."""


@contextmanager
def room() -> Iterator[None]:
    """Threads that are started within have a stack of ``ROOM`` bytes."""
    with _changing:  # to ask for the size alone would set it to 0
        before: list[int] = []
        try:
            with suppress(ValueError, RuntimeError):  # the system has its own rules
                # At once: no interrupt comes in between.
                before.extend(map(threading.stack_size, (ROOM,)))
            yield
        finally:
            if before:
                threading.stack_size(before[0])


def cramped() -> bool:
    """Whether the stack of this thread, which is asked for once, is smaller than ``LEAST``."""
    try:
        return bool(_here.cramped)
    except AttributeError:
        pass
    # The main thread's stack grows, and takes long to measure.
    main = threading.current_thread() is threading.main_thread()
    _here.cramped = not main and 0 < _stack_bytes() < LEAST
    return bool(_here.cramped)


def _stack_bytes() -> int:
    """Bytes of this thread's stack; 0 where the system does not tell."""
    if os.name != "posix":
        return 0
    library = ctypes.PyDLL(None)  # Python has C's threads loaded
    if hasattr(library, "pthread_get_stacksize_np"):  # macOS
        library.pthread_self.restype, library.pthread_get_stacksize_np.restype = (
            ctypes.c_void_p,
            ctypes.c_size_t,
        )
        return int(library.pthread_get_stacksize_np(ctypes.c_void_p(library.pthread_self())))
    if not hasattr(library, "pthread_getattr_np"):
        return 0
    attributes, size = ctypes.create_string_buffer(ATTRIBUTES), ctypes.c_size_t()
    library.pthread_self.restype = ctypes.c_void_p
    if library.pthread_getattr_np(ctypes.c_void_p(library.pthread_self()), attributes) != 0:
        return 0
    library.pthread_attr_getstacksize(attributes, ctypes.byref(size))
    library.pthread_attr_destroy(attributes)
    return size.value
