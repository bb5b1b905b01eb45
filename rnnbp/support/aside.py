"""Work for llvmlite, in a thread of its own, so that Ctrl-C is never lost.

Handlers of signals run in the main thread, between any two steps of Python code. llvmlite's objects
have finalisers in Python, where an exception is printed and forgotten, and a lock that an interrupt
could leave locked. So no code of llvmlite runs in the main thread: that waits, and can be
interrupted while it does.
"""

from __future__ import annotations

import _thread
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from rnnbp.support.stacks import room

T = TypeVar("T")

_here = threading.local()
"""Whether this is such a thread, as ``ours``."""


def aside(work: Callable[[], T]) -> T:
    """What ``work`` returns, or raises, in a thread of its own.

    That has room for the compiler, which takes more of the stack than the caller's thread may have.
    After an interrupt it waits for the work to end, and what that returns is dropped: Python must
    not end before.
    """
    if getattr(_here, "ours", False):
        return work()
    results, errors, ended = list[T](), list[BaseException](), _thread.allocate_lock()

    def run() -> None:
        _here.ours = True
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)
        finally:
            ended.release()

    ended.acquire()
    try:
        with room():
            # not threading.Thread, whose objects have finalisers in Python too
            _thread.start_new_thread(run, ())
    except RuntimeError:  # no more threads
        return work()
    try:
        ended.acquire()
    except BaseException:
        while not (results or errors):
            time.sleep(0.001)
        raise
    if errors:
        raise errors.pop()
    return results.pop()
