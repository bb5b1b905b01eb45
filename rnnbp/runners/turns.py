"""The abstract class of runners whose chunks are run in rounds: many of them by one call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rnnbp.machine.team.job import Job
from rnnbp.machine.team.rounds import Turn
from rnnbp.numerics import Array, Shape, address
from rnnbp.rng import Context
from rnnbp.runners.sums import Accumulator
from rnnbp.runners.tapes import Tape


class Recorded(NamedTuple):
    """Chunks that are to be recorded: (y, tape) of each, and the jobs of a round.

    What y and the tapes hold is not there before the rounds have run.
    """

    ys: list[Array]
    tapes: list[Tape]
    turns: list[Turn]


class TurnRunner(ABC):
    """Prepares chunks of a Recurrent of one series; each is a round of the same jobs.

    Their bits are those of ``Runner.record`` and ``backward``.
    """

    @abstractmethod
    def flops(self, length: int) -> int:
        """Floating-point operations of a chunk, forward."""

    @abstractmethod
    def advance(
        self,
        xs: Sequence[Array],
        ys: Sequence[Array],
        state: Sequence[Array],
        ends: Sequence[Sequence[Array]],
        threads: int,
    ) -> list[Turn]:
        """Chunks of equal length that keep nothing, from ``state`` before the first.

        Args:
            xs: by round, (L, B, ...).
            ys: by round, where y goes; none where it is not wanted.
            ends: by round, arrays for the state after it; () where it is not wanted.
            threads: the most that share a job.
        """

    @abstractmethod
    def record(
        self, xs: Sequence[Array], state: Sequence[Array], context: Context, threads: int
    ) -> Recorded:
        """Chunks of equal length, in order, from ``state`` before the first; x (L, B, ...) each.

        Args:
            context: that of the first chunk, for all: nothing is drawn.
            threads: the most that share a job.
        """

    @abstractmethod
    def backward(
        self,
        tapes: Sequence[Tape],
        dys: Sequence[Array],
        dstate: Sequence[Array],
        dxs: Sequence[Array | None],
        grads: Accumulator,
        threads: int,
    ) -> list[Turn]:
        """The way back of ``tapes``, in the order of the rounds.

        Args:
            dys: by round, the delta of y (L, B, ...).
            dstate: in C order; it goes from the state after the first round's chunk to the state
                before the last one's.
            dxs: by round, where the delta of x goes; None for symbols.
            threads: as of ``record``.
        """


class LayerTurns(ABC):
    """Prepares chunks of a layer outside cells; each is a round of the same jobs.

    Their bits are those of its ``forward`` and ``backward``.
    """

    @abstractmethod
    def forward_turn(self, xs: Array, shape: Shape) -> tuple[Array, Turn]:
        """(y, the job) of inputs of one ``shape`` at the addresses ``xs``.

        All rounds write into one y.
        """

    @abstractmethod
    def backward_turn(
        self, xs: Array, y: Array, dy: Array, grads: Accumulator
    ) -> tuple[Array, Turn]:
        """(dx, the job) of such inputs and that y: from one dy to one dx."""


def turn_of(job: Job, at: Array, others: Sequence[Array], n: int) -> Turn:
    """A job whose first array begins at ``at``, by round; the others stay where they are."""
    bases = np.empty((len(at), 1 + len(others)), np.int64)
    bases[:, 0], bases[:, 1:] = at, [address(array) for array in others]
    return Turn(job, bases, n, kept=others)
