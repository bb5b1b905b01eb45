"""Threads that run kernels: as many as BLAS has, or as RNNBP_NUM_THREADS says."""

from __future__ import annotations

import ctypes
import os
import threading
from contextlib import suppress
from functools import lru_cache
from queue import SimpleQueue
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from rnnbp.native import driving, jobs
from rnnbp.numerics import Array, address

VARIABLE = "RNNBP_NUM_THREADS"
_JOB = len(jobs.JOB)
_BOX = 16
"""Numbers of a box, which shares no cache line with another."""


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
    """Threads that wait for work, each with a box for its job; they begin when they are first needed."""

    def __init__(self) -> None:
        self.free = threading.RLock()  # a thread that was interrupted before it gave it back can take it again
        self.members: list[tuple[Array, SimpleQueue[bool]]] = []
        self.addresses = np.empty(0, np.int64)

    def wake(self, n: int) -> int:
        """Wake those of n threads that sleep; n, or fewer where the system has no more threads."""
        with suppress(RuntimeError):  # no more threads
            while len(self.members) < n:
                self._begin()
        if len(self.addresses) < len(self.members):
            self.addresses = np.array([address(box) for box, _ in self.members], np.int64)
        for box, queue in self.members[:n]:
            if box.item(0) == driving.ASLEEP:
                box[0] = driving.WAITS
                queue.put(True)
        return min(n, len(self.members))

    def retire(self) -> None:
        """Let its threads end once they sleep."""
        for _, queue in self.members:
            queue.put(False)

    def _begin(self) -> None:
        box, queue = np.zeros(_BOX, np.int64), SimpleQueue[bool]()
        threading.Thread(target=_serve, args=(box, queue), name="rnnbp", daemon=True).start()
        self.members.append((box, queue))


def _serve(box: Array, queue: SimpleQueue[bool]) -> None:
    serve, here = driving.library().function("serve", 1), address(box)
    while queue.get():
        serve(here)


_team = _Team()


def _begin_anew() -> None:
    """Other threads from now on; a fork has none of its parent's."""
    global _team
    _team = _Team()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_begin_anew)


def do(
    tasks: Array | None,
    n: int,
    *,
    run: int = 0,
    places: Array | None = None,
    lengths: Array | None = None,
    batch: int = 0,
    block: int = 0,
    units: bool = False,
) -> None:
    """Do a job of ``jobs`` by n threads, or fewer where the system has no more.

    While another caller has the threads, this one does it all: results must not depend on how many they are.

    Args:
        tasks: (pieces, tasks, NUMBERS), each the address of a function and what it takes; those of a piece in any
            order, but for those that follow others. run: the address of a kernel, with the ``places`` (pieces, arrays)
            of its arrays, the ``lengths`` (pieces,) in steps, the batch, and the steps of a block. units: whether its
            products are shared by units.
    """
    pieces = len(tasks if places is None else places)  # type: ignore[arg-type]  # one is given
    width, many = 0 if places is None else places.shape[1], 0 if tasks is None else tasks.shape[1]
    memory = (ctypes.c_int64 * (_JOB + jobs.COUNTERS + pieces))()  # takes less time than NumPy's small arrays
    job = ctypes.addressof(memory)
    at, counts = [address(array) for array in (places, lengths, tasks)], job + 8 * _JOB
    memory[:_JOB] = [run, at[0], width, at[1], at[2], many, counts, pieces, batch, block, int(units)]
    lead, team = driving.library().function("lead", 3), _team
    if n == 1 or not team.free.acquire(blocking=False):
        lead(0, 0, job)
        return
    try:
        others = team.wake(n - 1)
        lead(address(team.addresses), others, job)
    except BaseException:  # KeyboardInterrupt: what the threads have been told is not known
        _begin_anew()
        team.retire()
        raise
    finally:
        team.free.release()
