"""The seam between sums over shards and what carries arrays between processes."""

from __future__ import annotations

from abc import ABC, abstractmethod

from rnnbp.numerics import Array, flag, positive_int, shown
from rnnbp.parallel.tree import block
from rnnbp.wording.arguments import Named


class Exchange(Named, ABC):
    """Processes that share a fixed number of shards; ``Alone`` and ``MPI`` are the two that exist.

    Args:
        shards: the number of parts that the work is cut into, whatever the number of processes.
        partition: True if a ``Trainer`` shall spread the optimiser's state over the processes, as
            ``Optimizer.partition`` does: each holds and updates a part, with the same bits. A
            budget counts the whole state all the same: what it decides may not depend on how many
            processes there are.

    A class of your own writes ``rank``, ``processes`` and the three methods that carry arrays.

    Raises TypeError or ValueError for a number of shards that is not a positive integer, TypeError
    for a partition that is not a bool, and ValueError for more processes than shards.

    >>> import rnnbp as rb
    >>> parallel = rb.parallel.Alone(shards=8)
    >>> isinstance(parallel, rb.parallel.Exchange), parallel.own
    (True, range(0, 8))
    """

    def __init__(self, *, shards: int, partition: bool = False) -> None:
        name = type(self).__name__
        self._partition = flag(f"{name}: partition", partition)
        self._shards = positive_int(f"{name}: shards", shards)
        if self.processes > self.shards:
            raise ValueError(
                f"{name}: {self.processes} processes cannot share {self.shards} shards, because "
                f"each owns at least one; start at most {self.shards}, or give more shards"
            )

    def __repr__(self) -> str:
        more = ", partition=True" if self.partition else ""
        return f"{type(self).__name__}(shards={self.shards}{more})"

    @property
    def shards(self) -> int:
        """The number of shards."""
        return self._shards

    @property
    def partition(self) -> bool:
        """True if a Trainer spreads the optimiser's state over the processes."""
        return self._partition

    @property
    def own(self) -> range:
        """The numbers of the shards of this process, which follow each other."""
        return block(self.shards, self.processes, self.rank)

    @property
    @abstractmethod
    def rank(self) -> int:
        """The number of this process, from 0."""

    @property
    @abstractmethod
    def processes(self) -> int:
        """The number of processes."""

    @abstractmethod
    def send(self, rank: int, array: Array) -> None:
        """Send a contiguous array (n,) to process ``rank``, which calls ``receive``."""

    @abstractmethod
    def receive(self, rank: int, into: Array) -> None:
        """Fill ``into``, contiguous, with what process ``rank`` sends, of its shape and dtype."""

    @abstractmethod
    def swap(self, rank: int, array: Array, into: Array) -> None:
        """Send ``array`` to process ``rank``, which swaps too, and fill ``into`` with its array.

        The two may differ in length.
        """


def check_exchange(what: str, given: object) -> None:
    """Raise TypeError for anything but an Exchange."""
    if not isinstance(given, Exchange):
        raise TypeError(
            f"{what} is an Exchange, as rnnbp.parallel.Alone(shards=8), found {shown(given)}"
        )
