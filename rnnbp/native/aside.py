"""Work for llvmlite, in a thread of its own, so that Ctrl-C is never lost.

Handlers of signals run in the main thread, between any two steps of Python code. llvmlite's objects have finalisers in
Python, where an exception is printed and forgotten, and a lock that an interrupt could leave locked. So no code of
llvmlite runs in the main thread: that waits, and can be interrupted while it does.
"""

from __future__ import annotations

import _thread
import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LEAST_STACK = 2**22
"""Bytes of a thread's stack that the compiler needs; where new threads have less, the work is not handed over."""


def aside(work: Callable[[], T]) -> T:
    """What ``work`` returns, or raises, in another thread if this is the main one.

    After an interrupt it waits for the work to end, and what that returns is dropped: Python must not end before.
    """
    small = 0 < threading.stack_size() < LEAST_STACK
    if small or threading.current_thread() is not threading.main_thread():
        return work()
    results, errors, ended = list[T](), list[BaseException](), _thread.allocate_lock()

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)
        finally:
            ended.release()

    ended.acquire()
    try:
        _thread.start_new_thread(run, ())  # not threading.Thread, whose objects have finalisers in Python too
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
