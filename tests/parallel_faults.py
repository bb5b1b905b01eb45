"""A process of a parallel run in which one, the last, does what the others do not.

``mpiexec -n P python -m tests.parallel_faults WHAT`` prints "RANK pid PID" in each process, and
what a case prints. Others wait for the last one in a sum that it has no part in.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from rnnbp.parallel import MPI, Exchange, tree_sum
from rnnbp.parallel.guard import elsewhere, everywhere
from rnnbp.support.launched import launched
from tests.mpi_runs import say_pid

SLOW = 1.5
"""Seconds that a process is behind the others."""


def say(text: str) -> None:
    """Print a line at once, whole."""
    os.write(1, f"{text}\n".encode())


def summed(parallel: Exchange, size: int = 3) -> float:
    """The first element of a sum over all shards."""
    return float(tree_sum((np.full(size, k, "f8") for k in parallel.own), parallel)[0])


def in_thread(parallel: Exchange) -> None:
    """An exception in a thread that had a part in a sum."""

    def work() -> None:
        summed(parallel)
        raise KeyError("in a thread")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def sums_on(parallel: Exchange) -> None:
    """Sums for a minute."""
    say("summing")
    end = time.monotonic() + 60
    while time.monotonic() < end:
        summed(parallel)
        time.sleep(0.01)


def raises(error: BaseException) -> Callable[[Exchange], None]:
    """Raise it."""

    def action(_: Exchange) -> None:
        raise error

    return action


def other_thread(_: Exchange) -> None:
    """An exception in a thread that has no part in sums."""
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()


LAST: dict[str, Callable[[Exchange], object]] = {
    "raise": raises(KeyError("of one")),
    "interrupt": raises(KeyboardInterrupt()),
    "exit 0": lambda _: sys.exit(0),
    "exit 3": lambda _: sys.exit(3),
    "leave at once": lambda _: os._exit(3),
    "thread": in_thread,
    "sizes": lambda parallel: summed(parallel, 4),
    "hang": lambda _: time.sleep(60),
    "slow": lambda _: time.sleep(SLOW),
    "other thread": other_thread,
    "elsewhere": raises(KeyError("of one")),
}
"""What the last process does, before it sums as often as the others, if it still does."""


def own_hook(*args: Any) -> None:
    """A hook of the script's own."""
    say("own hook")
    sys.__excepthook__(*args)


def main(what: str) -> None:
    """One process."""
    sys.excepthook = own_hook
    say_pid()
    if what == "start" and launched().rank:
        time.sleep(60)
    parallel = MPI(shards=8, timeout=2 if what in ("hang", "start") else 60)
    summed(parallel)
    if what == "everywhere":
        raise everywhere(KeyError("of all"))
    if what == "long":
        sums_on(parallel)
    elif parallel.rank == parallel.processes - 1:
        LAST[what](parallel)
    elif what == "elsewhere":
        raise elsewhere(RuntimeError("another process raised"))
    elif what == "thread":
        summed(parallel)
    say(f"{parallel.rank} sum {summed(parallel)}")


if __name__ == "__main__":
    main(sys.argv[1])
