"""Waiting for other processes: at once at first, then sleeping, and never for one that has ended.

MPI's own waits burn a core, cannot be interrupted, and last forever if the other process is at its
end or in a sum of something else.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

SPIN, SOON = 1e-4, 2e-3
"""Seconds of waiting until other processes of this core are let in, and until this one sleeps.

Processes with equal shards are apart by less than these; a sleep lasts some 60 µs at least.
"""
SHARE, LONGEST = 0.05, 1e-3
"""A sleep, as a share of the time waited so far, which is what it adds at most; and in seconds.

Long messages move while they are looked after, by some 500 kB each time, so sleeps are short.
"""
_let_others = getattr(os, "sched_yield", lambda: time.sleep(0))


def soon(done: Callable[[], bool]) -> bool:
    """Call ``done`` until it returns True, or for a short time; what it returned last."""
    began = time.monotonic()
    while not done():
        waited = time.monotonic() - began
        if waited > SOON:
            return False
        if waited > SPIN:
            _let_others()
    return True


def until(done: Callable[[], bool], problem: Callable[[float], BaseException | None]) -> None:
    """Call ``done`` until it returns True, and sleep in between.

    Args:
        problem: called with the seconds waited, before each sleep; what it returns is raised unless
            ``done`` is true after that: what another process sent before it ended does count.
    """
    began, found = time.monotonic(), None
    while not done():
        if found is not None:
            raise found
        waited = time.monotonic() - began
        found = problem(waited)
        time.sleep(min(SHARE * waited, LONGEST))
