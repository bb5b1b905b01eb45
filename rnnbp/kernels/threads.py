"""Threads that run kernels: as many as BLAS has, or as RNNBP_NUM_THREADS says."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

T = TypeVar("T")
VARIABLE = "RNNBP_NUM_THREADS"


def count() -> int:
    """How many. Raises ValueError where RNNBP_NUM_THREADS is no positive integer."""
    given = os.environ.get(VARIABLE, "")
    if given:
        if not given.isdecimal() or int(given) == 0:
            raise ValueError(f"{VARIABLE} is a number of threads from 1 on, found {given!r}")
        return int(given)
    pools: list[int] = [pool.num_threads for pool in _blas()]
    return max(1, min([*pools, _processors()]))


@lru_cache
def _processors() -> int:
    """To count them reads a file."""
    return os.cpu_count() or 1


@lru_cache
def _blas() -> Any:
    """What tells the present number of BLAS's threads; to look for it takes a millisecond."""
    return ThreadpoolController().select(user_api="blas").lib_controllers


@lru_cache
def _pool(n: int, process: int) -> ThreadPoolExecutor | None:
    """n threads of this process, all of them begun, as a fork has none of those of its parent; None without more."""
    pool, there = ThreadPoolExecutor(n, "rnnbp"), threading.Barrier(n)
    try:
        begun = [pool.submit(there.wait) for _ in range(n)]
    except RuntimeError:  # the system has no more threads to give
        there.abort()
        pool.shutdown(wait=False)
        return None
    for one in begun:
        one.result()
    return pool


_busy = threading.Lock()
"""Held while threads work: those of two callers, each waiting for others of its own, could wait for ever."""


def together(work: Callable[[int, int], None], n: int) -> None:
    """``work(k, n)`` for k from 0 to n − 1, each in a thread of its own, the first in this one.

    ``work(0, 1)`` where others use the threads at the time, or there are none.
    """
    if n == 1 or not _busy.acquire(blocking=False):
        work(0, 1)
        return
    try:
        pool = _pool(n - 1, os.getpid())
        n = 1 if pool is None else n
        others = [] if pool is None else [pool.submit(work, k, n) for k in range(1, n)]
        try:
            work(0, n)
        finally:
            for other in others:
                other.result()
    finally:
        _busy.release()


def each(work: Callable[[T], None], tasks: Iterable[T], n: int) -> None:
    """``work`` on every task, in n threads: whichever is free takes the next."""
    waiting = deque(tasks)

    def some(_k: int, _n: int) -> None:
        while True:
            try:
                task = waiting.popleft()
            except IndexError:
                return
            work(task)

    together(some, n)


def share(total: int, k: int, n: int) -> tuple[int, int]:
    """The k-th of n shares of ``total``: from, to."""
    return total * k // n, total * (k + 1) // n
