"""All shards in one process."""

from __future__ import annotations

from typing import NoReturn, final

from rnnbp.numerics import Array
from rnnbp.parallel.exchange import Exchange


@final
class Alone(Exchange):
    """All shards in this process: the same sums, bit for bit, as ``MPI`` has in several.

    It needs no other library. Its arguments are those of ``Exchange``.

    >>> import rnnbp as rb
    >>> parallel = rb.parallel.Alone(shards=3)
    >>> float(rb.parallel.tree_sum([1.0, 2.0, 4.0], parallel))
    7.0
    """

    @property
    def rank(self) -> int:
        """0."""
        return 0

    @property
    def processes(self) -> int:
        """1."""
        return 1

    def send(self, rank: int, array: Array) -> None:
        """Raise ValueError: there is no process to send to."""
        self._refuse(rank)

    def receive(self, rank: int, into: Array) -> None:
        """Raise ValueError: there is no process to receive from."""
        self._refuse(rank)

    def swap(self, rank: int, array: Array, into: Array) -> None:
        """Raise ValueError: there is no process to swap with."""
        self._refuse(rank)

    def _refuse(self, rank: int) -> NoReturn:
        raise ValueError(
            f"Alone: there is no process {rank}, only this one; rnnbp.parallel.MPI has several"
        )
