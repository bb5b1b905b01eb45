"""Losses of chunks that go backward in rounds, without Python between them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from numpy.typing import ArrayLike as Like

from rnnbp import machine
from rnnbp.machine.team.rounds import Turn
from rnnbp.numerics import Array, Dtype, Shape

New: TypeAlias = Callable[[Shape, Dtype], Array]


class LossRounds(NamedTuple):
    """The job that takes the loss of the chunk of each round."""

    turn: Turn
    dy: Array
    """The derivative by the outputs of the chunk that a round is of."""
    values: Callable[[], list[float]]
    """After the rounds, the sum over each chunk, in their order."""

    def times(self, factor: float) -> LossRounds:
        """The same, with sums times a factor."""
        return LossRounds(self.turn, self.dy, lambda: [factor * value for value in self.values()])


class InRounds(ABC):
    """A loss that machine code can take of one chunk after the other."""

    @property
    def rounds(self) -> bool:
        """False where Python is needed between all chunks, whatever they are."""
        return machine.chosen()

    def row_bytes(self, item: int) -> int:
        """Bytes for each row of y that all rounds hold together; ``item``: of a number of y."""
        return 0

    @abstractmethod
    def in_rounds(
        self, y: Array, at: Array, target: Like, new: New, factor: float
    ) -> LossRounds | None:
        """``summed_in`` for chunks from the last to the first, with its bits.

        Args:
            y: (L, B, ...), outputs of a chunk. at: by round, the address of such outputs.
            target: of all chunks in order of time, (rounds · L, B, ...).
            new, factor: as of ``summed_in``.

        Returns None where Python is needed between the chunks.
        """
