"""Arrays between processes by MPI: buffers, without pickling."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import final

import numpy as np

from rnnbp.numerics import Array, real_number
from rnnbp.parallel.exchange import Exchange
from rnnbp.parallel.peer import Peer
from rnnbp.parallel.world import guard, start, world

MOST = 1 << 30
"""Bytes of a message at most; MPI counts elements, bytes here, in an int of 32 bits."""
TIMEOUT = 600.0
"""Seconds to wait for a process, as PyTorch's process groups on GPUs do."""


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
        timeout: seconds after which a process that waits for another one raises TimeoutError, and
            of the start; None for no limit. Those of a run are apart by what only one of them does,
            as a callback that draws.

    It needs mpi4py and a library of MPI: pip install 'rnnbp[mpi]' has both, and ``mpiexec``. MPI is
    started with the first object of this class, which a script builds before anything that may fail
    in one process alone. From then on an exception that leaves the program of one process, Ctrl-C
    as well, ends all of them, after a message that names the process. One that waits for a process
    whose program has ended raises ConnectionError. A prompt goes on.

    Ctrl-C or SIGTERM, to ``mpiexec`` or to one process, ends the run of a Trainer in all of them
    after the same step and a snapshot, and so does SIGUSR1 unless the script handles it. Open MPI's
    ``mpiexec`` leaves them 0.25 s after the first two: send it SIGUSR1, which it passes on.

    Raises as ``Exchange`` does, TypeError or ValueError for a timeout that is not a positive
    number, and ImportError without mpi4py or a library of MPI.

    Each process of ``mpiexec -n 4 python script.py`` prints the same sum::

        import numpy as np, rnnbp as rb
        parallel = rb.parallel.MPI(shards=8)
        values = (np.sin(np.full(1000, k, "float32")) for k in parallel.own)
        print(parallel.rank, rb.parallel.tree_sum(values, parallel)[0])
    """

    def __init__(
        self, *, shards: int, partition: bool = False, timeout: float | None = TIMEOUT
    ) -> None:
        if timeout is not None:
            what, cure = "MPI: timeout", "seconds, or None for no limit"
            timeout = real_number(what, timeout, above=0, cure=cure)
        start(timeout)
        self._timeout = timeout
        super().__init__(shards=shards, partition=partition)

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
            self._peer(rank).send(piece)

    def receive(self, rank: int, into: Array) -> None:
        """Fill ``into``, contiguous, with what process ``rank`` sends, of its shape and dtype."""
        for piece in pieces(into, MOST):
            self._peer(rank).receive(piece)

    def swap(self, rank: int, array: Array, into: Array) -> None:
        """Send ``array`` to process ``rank``, which swaps too, and fill ``into`` with its array."""
        for sent, received in zip_longest(pieces(array, MOST), pieces(into, MOST)):
            if received is None:
                self._peer(rank).send(sent)
            elif sent is None:
                self._peer(rank).receive(received)
            else:
                self._peer(rank).swap(sent, received)

    def _peer(self, rank: int) -> Peer:
        return Peer(world(), rank, guard(), self._timeout)
