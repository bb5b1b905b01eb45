"""Threads that run kernels: as many as BLAS has, or as RNNBP_NUM_THREADS says."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import lru_cache, partial
from queue import SimpleQueue
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


class _Team:
    """Threads that wait for work, each with a queue of its own; they begin when they are first needed."""

    def __init__(self) -> None:
        self.posting = threading.Lock()
        self.queues: list[SimpleQueue[Callable[[], None]]] = []

    def post(self, work: Callable[[int, int], None], n: int) -> int:
        """Give ``work(k, n)`` to thread k for k from 1 on; n, or fewer where the system has no more threads.

        All of it is posted at once, so that in every queue the works of several callers have the same order: threads
        that wait for one another within a work never wait for ever.
        """
        with self.posting:
            with suppress(RuntimeError):  # no more threads
                while len(self.queues) < n - 1:
                    jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
                    threading.Thread(target=_serve, args=(jobs,), name="rnnbp", daemon=True).start()
                    self.queues.append(jobs)
            n = min(n, 1 + len(self.queues))
            for k in range(1, n):
                self.queues[k - 1].put(partial(work, k, n))
        return n


def _serve(jobs: SimpleQueue[Callable[[], None]]) -> None:
    while True:
        jobs.get()()


_team = _Team()


def _begin_anew() -> None:
    """A fork has none of the threads of its parent."""
    global _team
    _team = _Team()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_begin_anew)


def in_step(work: Callable[[int, int], None], n: int) -> None:
    """``work(k, n)`` for k from 0 to n − 1, the first in this thread, all at once; with fewer where there are fewer.

    Does not wait for the others: they meet in ``work``, which raises nothing.
    """
    work(0, 1 if n == 1 else _team.post(work, n))


def each(work: Callable[[T], None], tasks: Iterable[T], n: int) -> None:
    """``work`` on every task, in n threads: whichever is free takes the next."""
    waiting, ended = deque(tasks), SimpleQueue[BaseException | None]()

    def some(_k: int, _n: int) -> None:
        error = None
        while error is None:
            try:
                task = waiting.popleft()
            except IndexError:
                break
            try:
                work(task)
            except BaseException as found:  # it is raised where all have ended
                error = found
        ended.put(error)

    posted = 1 if n == 1 else _team.post(some, n)
    some(0, posted)
    errors = [error for _ in range(posted) if (error := ended.get()) is not None]
    if errors:
        raise errors[0]
