"""Bytes of Python's own objects of a network over time, from those of its sweeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from rnnbp.ledger import Ledger

NETWORK = 29_000
"""Bytes of the objects that a network has apart from its sweeps, fitted to 108 runs of 43 networks
by kernels. Of 14 hard ones measured afterwards, 200 kB to 1.2 MB, ten were within 35 kB, the worst
144 kB less than what is told."""


@final
@dataclass(frozen=True)
class SweepObjects:
    """Bytes of the objects of a sweep.

    Attributes:
        most: while it runs backward.
        stays: those that are there from its way forward to the end of the network's run: of the
            jobs of its chunks, which the next run takes.
        held: around the tapes and checkpoints that it holds in its pause.
    """

    most: int
    stays: int
    held: int


def bytes_at(sweeps: Sequence[SweepObjects], way: int) -> int:
    """Bytes of the objects of a network while a sweep runs.

    Args:
        sweeps: in the order in which they run forward.
        way: how many ways of sweeps have begun: each runs forward, and then each backward, the last
            one first.
    """
    count = len(sweeps)
    if way <= count:
        return NETWORK + sum(each.stays + each.held for each in sweeps[: max(1, way)])
    runs = 2 * count - way
    paused = sum(each.held for each in sweeps[:runs])
    stay = sum(each.stays for each in sweeps) - sweeps[runs].stays
    return NETWORK + stay + paused + sweeps[runs].most


@final
class PeakWay:
    """In which way of a sweep a run's ledger comes to its peak, as ``bytes_at`` counts them."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._highest = ledger, -1
        self._begun = self._at = 0

    def begin(self) -> None:
        """A sweep begins to run, forward or backward."""
        self._see()
        self._begun += 1

    @property
    def at(self) -> int:
        """That of the highest peak so far."""
        self._see()
        return self._at

    def _see(self) -> None:
        if self._ledger.peak_bytes > self._highest:
            self._highest, self._at = self._ledger.peak_bytes, self._begun
