"""The processes that ``mpiexec`` started, as their environment says; needs no library of MPI."""

from __future__ import annotations

import os
from typing import NamedTuple

OPEN_MPI = ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE")
HYDRA = ("PMI_SIZE", "PMI_RANK", "MPI_LOCALNRANKS")
"""What Open MPI 5 sets, and the launcher of MPICH and Intel MPI; ``srun --mpi=pmi2`` sets the first
two of these.
"""


class Launched(NamedTuple):
    """This process among those that ``mpiexec`` started; without it the only one.

    Attributes:
        processes: how many there are.
        rank: the number of this one, from 0.
        here: how many of them are on this machine.
    """

    processes: int = 1
    rank: int = 0
    here: int = 1


def launched() -> Launched:
    """This process among those that ``mpiexec`` started."""
    for names in (OPEN_MPI, HYDRA):
        processes, rank, here = (os.environ.get(name, "") for name in names)
        if processes.isdecimal() and rank.isdecimal() and int(rank) < int(processes):
            known = here.isdecimal() and 1 <= int(here) <= int(processes)
            return Launched(int(processes), int(rank), int(here) if known else int(processes))
    return Launched()


def forget_launch() -> None:
    """From now on this process, and those that it starts, are alone: ``mpiexec`` started others."""
    for name in (*OPEN_MPI, *HYDRA):
        os.environ.pop(name, None)
