"""The threads that run jobs: as many as BLAS has, or as RNNBP_NUM_THREADS says.

By default no more than the processors that a container's quota gives, which ``processors`` reads
from the files of its control groups, and one in a worker of a pool of processes; never more at once
than there are processors.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import NamedTuple, Protocol

import numpy as np
from threadpoolctl import ThreadpoolController

from rnnbp.machine import processors
from rnnbp.machine.compile import Function
from rnnbp.machine.settings import MOST_THREADS, THREADS
from rnnbp.machine.team import handoff
from rnnbp.machine.team.job import Job
from rnnbp.numerics import Array, address, shown
from rnnbp.support.lazy import cached
from rnnbp.support.stacks import room

__all__ = ["Job", "count", "do", "together"]

BOX_NUMBERS = 16
"""Numbers that a box takes in memory, 128 bytes, though it has four."""
# NumPy aligns to 16 bytes, so a box of 32 bytes may begin anywhere in a cache line of 64. With 128
# bytes each the used parts of two boxes are at least 96 bytes apart, and so in different lines:
# a thread that spins on its box does not slow down the thread that spins on the next one.

STATE = handoff.BOX.offset["state"]


def count() -> int:
    """The number of threads to use.

    Raises ValueError if RNNBP_NUM_THREADS is not a number of threads.
    """
    given = os.environ.get(THREADS, "")
    if given:
        if not given.isdecimal() or not 1 <= int(given) <= MOST_THREADS:
            raise ValueError(
                f"{THREADS} is a number of threads from 1 to {MOST_THREADS}, found {shown(given)}"
            )
        return int(given)
    if processors.pooled():
        return 1
    # BLAS's number is asked each time: a script may limit it for a part of its work.
    pools: list[int] = [pool.num_threads for pool in _blas()]
    return max(1, min([*pools, processors.usable()]))


class _Pool(Protocol):
    """What threadpoolctl, which has no types, tells of a library."""

    @property
    def num_threads(self) -> int: ...


@cached
def _blas() -> list[_Pool]:
    """The BLAS libraries of this process; finding them takes a millisecond, asking does not."""
    return list(ThreadpoolController().select(user_api="blas").lib_controllers)


class Member(NamedTuple):
    """A thread of a team: its box, by ``handoff``, and the queue by which it is woken."""

    box: Array
    tokens: SimpleQueue[bool]
    """True: look at the box. False: end."""


class _Team:
    """Threads that wait for work; each starts when it is first needed."""

    def __init__(self) -> None:
        # Reentrant: a caller that was interrupted before it released the lock, by a finaliser or a
        # handler of a signal that runs a job too, must not wait for itself.
        self.free = threading.RLock()
        self.members: list[Member] = []
        self.addresses = np.empty(0, np.int64)
        """Of the members' boxes."""

    def wake(self, n: int) -> int:
        """Wake those of the first n threads that sleep.

        Returns:
            How many threads there are: n, or fewer on a system of fewer processors or threads.
        """
        # Never more than processors, whatever was named: a thread that spins would hold the core
        # that the thread that it waits for needs.
        n = min(n, processors.present() - 1)
        with suppress(RuntimeError):  # the system has no more threads
            while len(self.members) < n:
                self._start()
        n = min(n, len(self.members))
        if len(self.addresses) < len(self.members):
            self.addresses = np.array([address(m.box) for m in self.members], np.int64)
        for box, tokens in self.members[:n]:
            # A plain read and write: in ASLEEP the thread is in its queue and looks at no box. It
            # may go to sleep just after this look; then ``lead`` finds it so, and does without.
            if box.item(STATE) == handoff.ASLEEP:
                box[STATE] = handoff.WAITS
                tokens.put(True)
        return n

    def retire(self) -> None:
        """Let its threads end once they sleep."""
        for member in self.members:
            member.tokens.put(False)

    def _start(self) -> None:
        member = Member(np.zeros(BOX_NUMBERS, np.int64), SimpleQueue[bool]())
        self.members.append(member)  # before it starts: ``retire`` must reach it after an interrupt
        try:
            with room():
                threading.Thread(target=_serve, args=member, name="rnnbp", daemon=True).start()
        except RuntimeError:
            self.members.pop()
            raise


def _serve(box: Array, tokens: SimpleQueue[bool]) -> None:
    """What a thread runs."""
    serve, here = handoff.library().function("serve", 1), address(box)
    while tokens.get():
        serve(here)


_team = _Team()


def _replace_team() -> None:
    """Use new threads from now on."""
    global _team
    _team = _Team()


def _in_child() -> None:
    """After a fork: none of the parent's threads are here, and there may be other processors."""
    _replace_team()
    processors.forget()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_in_child)


@cached
def _lead() -> Function:
    """The function that does a job."""
    return handoff.library().function("lead", 3)


def do(job: Job, bases: list[int], n: int, *, units: bool = False) -> None:
    """Do a job on arrays that begin at ``bases`` by n threads, or fewer if the system has no more.

    While another caller has the threads, this one does all of it: results do not depend on how many
    threads there are. So does one in a finaliser while Python shuts down, when threads no longer
    run.

    Args:
        units: whether threads share the columns of the kernel's products instead of the batch.
    """
    memory = job.numbers(bases, units)
    at = memory.buffer_info()[0]
    lead = _lead()
    if n == 1:
        lead(0, 0, at)
    else:
        together(lambda boxes, others: lead(boxes, others, at), n)


def together(call: Callable[[int, int], None], n: int) -> None:
    """Call a function with the team: the address of the boxes of its threads, and how many there
    are apart from this one; n in all, or fewer, and (0, 0) where it has none to give.
    """
    team = _team
    if n == 1 or sys.is_finalizing() or not team.free.acquire(blocking=False):
        call(0, 0)
        return
    try:
        others = team.wake(n - 1)
        # Held in a variable: a finaliser that runs a job of more threads between the next two
        # operations would replace the array, and free the one whose address is passed.
        boxes = team.addresses
        call(address(boxes), others)
    except BaseException:  # KeyboardInterrupt: which threads have been woken is not known
        _replace_team()
        team.retire()
        raise
    finally:
        team.free.release()
