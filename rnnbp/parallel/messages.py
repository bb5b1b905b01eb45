"""Arrays between processes by MPI: buffers, without pickling."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import zip_longest
from typing import Protocol, final

import numpy as np

from rnnbp.numerics import Array
from rnnbp.parallel.exchange import Exchange
from rnnbp.support.needed import needed

MOST = 1 << 30
"""Bytes of a message at most; MPI counts elements, bytes here, in an int of 32 bits."""
TAG = 0
"""The same for all messages: those between two processes arrive in the order of sending, and the
communicator is the library's own.
"""


class Communicator(Protocol):
    """What is used of mpi4py's ``Comm``. The methods in capitals take buffers as they are."""

    def Get_rank(self) -> int: ...

    def Get_size(self) -> int: ...

    def Send(self, buf: Array, dest: int, tag: int) -> None: ...

    def Recv(self, buf: Array, source: int, tag: int) -> None: ...

    def Sendrecv(
        self, sendbuf: Array, dest: int, sendtag: int, recvbuf: Array, source: int, recvtag: int
    ) -> None: ...


@cache
def world() -> Communicator:
    """All processes that ``mpiexec`` started, in a communicator of the library's own.

    It is made once: MPI has room for some thousands. Raises ImportError without mpi4py or without
    a library of MPI.
    """
    try:
        mpi = needed("mpi4py.MPI", "mpi", "parallel.MPI")
    except RuntimeError as error:  # mpi4py's own, of several lines
        raise ImportError(
            "parallel.MPI: mpi4py finds no library of MPI, as that of the package mpich; python -m "
            "pip install 'rnnbp[mpi]' has one"
        ) from error
    found: Communicator = mpi.COMM_WORLD.Dup()
    return found


def pieces(array: Array, most: int) -> Iterator[Array]:
    """A contiguous array as views of its bytes, each of ``most`` bytes at most."""
    flat = array.reshape(-1).view(np.uint8)
    return (flat[k : k + most] for k in range(0, len(flat), most))


@final
class MPI(Exchange):
    """The processes that ``mpiexec`` started; without it, this one alone.

    Args:
        shards: the number of parts that the work is cut into, at least the number of processes. It
            decides the bits of results, so it stays when the number of processes changes. Powers of
            two balance best.
        partition: True to spread an optimiser's state over the processes; see ``Exchange``.

    It needs mpi4py and a library of MPI: pip install 'rnnbp[mpi]' has both, and ``mpiexec``. MPI is
    started with the first object of this class. A process that raises an exception leaves the
    others waiting, unless the script is started as ``mpiexec -n 4 python -m mpi4py script.py``,
    which ends all of them.

    Raises as ``Exchange`` does, and ImportError without mpi4py or a library of MPI.

    Each process of ``mpiexec -n 4 python -m mpi4py script.py`` prints the same sum::

        import numpy as np, rnnbp as rb
        parallel = rb.parallel.MPI(shards=8)
        values = (np.sin(np.full(1000, k, "float32")) for k in parallel.own)
        print(parallel.rank, rb.parallel.tree_sum(values, parallel)[0])
    """

    @property
    def rank(self) -> int:
        """The number of this process, from 0."""
        return world().Get_rank()

    @property
    def processes(self) -> int:
        """The number of processes."""
        return world().Get_size()

    def send(self, rank: int, array: Array) -> None:
        """Send a contiguous array (n,) to process ``rank``, which calls ``receive``."""
        for piece in pieces(array, MOST):
            world().Send(piece, rank, TAG)

    def receive(self, rank: int, into: Array) -> None:
        """Fill ``into``, contiguous, with what process ``rank`` sends, of its shape and dtype."""
        for piece in pieces(into, MOST):
            world().Recv(piece, rank, TAG)

    def swap(self, rank: int, array: Array, into: Array) -> None:
        """Send ``array`` to process ``rank``, which swaps too, and fill ``into`` with its array."""
        none = np.empty(0, np.uint8)  # where one array has more pieces than the other
        both = zip_longest(pieces(array, MOST), pieces(into, MOST), fillvalue=none)
        for sent, received in both:
            world().Sendrecv(sent, rank, TAG, received, rank, TAG)
