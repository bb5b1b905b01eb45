"""Locks across forks, so that a lock of another thread does not stay locked in a child.

A lock that is registered here is taken before a fork and given back after it, by parent and child.
So no other thread is inside what it guards, and a fork waits until it has left. Locks that are
registered here are held for short times, except while the compiler runs, and never while a caller's
code runs.
"""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager
from typing import Protocol


class Lock(AbstractContextManager[object], Protocol):
    """A lock that its thread may take again, as ``threading.RLock``."""

    def acquire(self) -> object: ...
    def release(self) -> object: ...


def hold(lock: Lock) -> None:
    """Hold a lock while the process forks.

    It may be called while another thread forks: of that fork only what comes after is run for this
    lock, so a release looks whether there was an acquire.
    """
    holder: list[int] = []
    """The thread that forks, while it holds the lock."""

    def before() -> None:
        lock.acquire()
        holder.append(threading.get_ident())

    def after() -> None:
        if holder == [threading.get_ident()]:
            holder.clear()
            lock.release()

    if hasattr(os, "register_at_fork"):  # not on Windows
        os.register_at_fork(before=before, after_in_parent=after, after_in_child=after)
