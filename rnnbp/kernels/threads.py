"""Threads that run kernels: as many as BLAS has, or as RNNBP_NUM_THREADS says."""

from __future__ import annotations

import os
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
def _pool(n: int, process: int) -> ThreadPoolExecutor:
    """Threads of this process: a fork has none of those of its parent."""
    return ThreadPoolExecutor(n, "rnnbp")


def together(work: Callable[[int], None], n: int) -> None:
    """``work(0)`` to ``work(n − 1)``, each in a thread of its own, the first in this one."""
    others = [_pool(n - 1, os.getpid()).submit(work, k) for k in range(1, n)] if n > 1 else []
    try:
        work(0)
    finally:
        for other in others:
            other.result()


def each(work: Callable[[T], None], tasks: Iterable[T], n: int) -> None:
    """``work`` on every task, in n threads: whichever is free takes the next."""
    waiting = deque(tasks)

    def some(_: int) -> None:
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
