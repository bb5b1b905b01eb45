"""All processes that ``mpiexec`` started."""

from __future__ import annotations

import faulthandler
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType

from rnnbp.parallel.communicator import Communicator
from rnnbp.parallel.guard import Guard
from rnnbp.support.needed import needed


def library() -> ModuleType:
    """The module mpi4py.MPI. Raises ImportError without it or without a library of MPI."""
    try:
        return needed("mpi4py.MPI", "mpi", "parallel.MPI")
    except RuntimeError as error:  # mpi4py's own, of several lines
        raise ImportError(
            "parallel.MPI: mpi4py finds no library of MPI, as that of the package mpich; python -m "
            "pip install 'rnnbp[mpi]' has one"
        ) from error


@cache
def world() -> Communicator:
    """All processes that ``mpiexec`` started, in a communicator of the library's own.

    It is made once: MPI has room for some thousands. Raises ImportError as ``library``.
    """
    found: Communicator = library().COMM_WORLD.Dup()
    return found


@cache
def guard() -> Guard:
    """What watches over the end of this process; installed if there are others."""
    found = Guard(world(), library().Status)
    if world().Get_size() > 1:
        found.install()
    return found


@contextmanager
def started_within(seconds: float | None) -> Iterator[None]:
    """Ends this process if the block takes longer, as MPI does while a process does not start it.

    MPI holds Python's lock meanwhile, so that a signal or a thread of Python's would do nothing.
    The traceback that is printed then ends in this function's name.
    """
    if seconds is None or world.cache_info().currsize:
        yield
        return
    faulthandler.dump_traceback_later(seconds, exit=True, file=2)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
