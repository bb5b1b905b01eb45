"""Threads that run kernels: as many as BLAS has, or as RNNBP_NUM_THREADS says.

By default no more than the processors that a container's quota gives, which ``processors`` reads from the files of
its cgroups; never more at once than there are processors.
"""

from __future__ import annotations

import os
import sys
import threading
from array import array
from contextlib import suppress
from functools import lru_cache
from queue import SimpleQueue
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from rnnbp.machine import MOST_THREADS, THREADS, processors
from rnnbp.machine.team import jobs, meeting
from rnnbp.numerics import Array, address, shown
from rnnbp.support.lazy import cached
from rnnbp.support.stacks import room

_JOB = len(jobs.JOB)
_COUNTS, _BASES, _UNITS = map(jobs.JOB.index, ("counts", "bases", "U"))
_BOX = 16
"""Numbers of a box, which shares no cache line with another."""


def count() -> int:
    """How many. Raises ValueError where RNNBP_NUM_THREADS is no such number."""
    given = os.environ.get(THREADS, "")
    if given:
        if not given.isdecimal() or not 1 <= int(given) <= MOST_THREADS:
            raise ValueError(f"{THREADS} is a number of threads from 1 to {MOST_THREADS}, found {shown(given)}")
        return int(given)
    pools: list[int] = [pool.num_threads for pool in _blas()]
    return max(1, min([*pools, processors.usable()]))


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
        """Wake those of n threads that sleep; n, or fewer where there are not as many processors or threads.

        Threads that have to share a processor would wait for one another. Up to twice as many are begun.
        """
        some = processors.present()
        with suppress(RuntimeError):  # no more threads
            while len(self.members) < min(n, 2 * some):
                self._begin()
        n = min(n, len(self.members), some - 1)
        if len(self.addresses) < len(self.members):
            self.addresses = np.array([address(box) for box, _ in self.members], np.int64)
        for box, queue in self.members[:n]:
            if box.item(0) == meeting.ASLEEP:
                box[0] = meeting.WAITS
                queue.put(True)
        return n

    def retire(self) -> None:
        """Let its threads end once they sleep."""
        for _, queue in self.members:
            queue.put(False)

    def _begin(self) -> None:
        member = np.zeros(_BOX, np.int64), SimpleQueue[bool]()
        self.members.append(member)  # before it begins: after an interrupt ``retire`` must reach it
        try:
            with room():
                threading.Thread(target=_serve, args=member, name="rnnbp", daemon=True).start()
        except RuntimeError:
            self.members.pop()
            raise


def _serve(box: Array, queue: SimpleQueue[bool]) -> None:
    serve, here = meeting.library().function("serve", 1), address(box)
    while queue.get():
        serve(here)


_team = _Team()


def _begin_anew() -> None:
    """Other threads from now on; a fork has none of its parent's."""
    global _team
    _team = _Team()


def _in_child() -> None:
    """After a fork: a child may have been given other processors."""
    _begin_anew()
    processors.forget()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_in_child)


class Job:
    """What threads do together, by ``jobs``; made once, whatever arrays it is for.

    Args:
        tasks: (pieces, tasks, NUMBERS), each the address of a function and what it takes; those of a piece in any
            order, but for those that follow others. run: the address of a kernel, with the ``places`` (pieces, arrays)
            of its arrays, the ``lengths`` (pieces,) in steps, the batch, and the steps of a block.
        flush: whether results below the normal numbers become 0; ``rounding`` says why.
    """

    def __init__(
        self,
        tasks: Array | None,
        *,
        run: int = 0,
        places: Array | None = None,
        lengths: Array | None = None,
        batch: int = 0,
        block: int = 0,
        flush: bool = False,
    ) -> None:
        self._arrays = tuple(None if a is None else np.ascontiguousarray(a) for a in (places, lengths, tasks))
        width, many = 0 if places is None else places.shape[1], 0 if tasks is None else tasks.shape[1]
        pieces = next(len(array) for array in (places, tasks) if array is not None)
        self.counted = _JOB + jobs.COUNTERS + pieces
        """Numbers before those that say where arrays begin."""
        at = [address(array) for array in self._arrays]
        head, tail = (run, at[0], width, at[1], at[2], many), (pieces, batch, block)
        self._made = array("q", [*head, 0, 0, *tail, 0, flush, *[0] * (jobs.COUNTERS + pieces)])

    def numbers(self, bases: list[int], units: bool) -> array[int]:
        """The job in memory, nothing of it done, for arrays that begin at ``bases``."""
        memory = self._made[:]  # takes less time than NumPy's small arrays
        memory.fromlist(bases)
        start = memory.buffer_info()[0]
        memory[_COUNTS], memory[_BASES] = start + 8 * _JOB, start + 8 * self.counted
        if units:
            memory[_UNITS] = 1
        return memory


@cached
def _lead() -> Any:
    """The function that does a job."""
    return meeting.library().function("lead", 3)


def do(job: Job, bases: list[int], n: int, *, units: bool = False) -> None:
    """Do a job on arrays that begin at ``bases`` by n threads, or fewer where the system has no more.

    While another caller has the threads, this one does it all: results must not depend on how many they are. So does
    one in a finaliser while Python shuts down, when threads no longer run.

    Args:
        units: whether the kernel's products are shared by units.
    """
    memory = job.numbers(bases, units)
    at = memory.buffer_info()[0]
    lead, team = _lead(), _team
    if n == 1 or sys.is_finalizing() or not team.free.acquire(blocking=False):
        lead(0, 0, at)
        return
    try:
        others = team.wake(n - 1)
        lead(address(team.addresses), others, at)
    except BaseException:  # KeyboardInterrupt: what the threads have been told is not known
        _begin_anew()
        team.retire()
        raise
    finally:
        team.free.release()
