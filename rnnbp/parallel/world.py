"""All processes that ``mpiexec`` started."""

from __future__ import annotations

import faulthandler
from functools import cache
from types import ModuleType

from rnnbp.parallel.communicator import Communicator
from rnnbp.parallel.guard import Guard
from rnnbp.support.launched import launched
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

    It is made once: MPI has room for some thousands. Raises ImportError as ``library``, and where
    each process would be alone, because the library is not that of ``mpiexec``.
    """
    found: Communicator = library().COMM_WORLD.Dup()
    if (known := launched().processes) not in (1, found.Get_size()):
        raise ImportError(
            f"parallel.MPI: mpiexec has started {known} processes, and mpi4py knows of "
            f"{found.Get_size()}: they are of different libraries of MPI; use the mpiexec of the "
            "environment of this Python"
        )
    return found


@cache
def guard() -> Guard:
    """What watches over the end of this process; installed if there are others."""
    found = Guard(world(), library().Status, library().Exception)
    if world().Get_size() > 1:
        found.install()
    return found


def start(seconds: float | None) -> None:
    """Start MPI, which waits for all processes; without one of them this one ends, after a time.

    MPI holds Python's lock meanwhile, so that a signal, or a thread of Python's, would do nothing.
    What ends the process prints where it stands: a function whose name says why.
    """
    if seconds is None or world.cache_info().currsize:
        waiting_until_all_processes_start_MPI()
        return
    faulthandler.dump_traceback_later(seconds, exit=True, file=2)
    try:
        waiting_until_all_processes_start_MPI()
    finally:
        faulthandler.cancel_dump_traceback_later()


def waiting_until_all_processes_start_MPI() -> None:  # noqa: N802  # read in a traceback
    """Start MPI."""
    guard()
