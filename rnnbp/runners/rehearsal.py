"""A chunk of one Recurrent run on blocks of bytes: what each action takes and returns.

A ``CellRehearsal`` follows its ``Runner``: a ``Block`` stands for an array and is alive as long as
that would be, so that the most bytes alive at once are those of the run.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from rnnbp.runners.heap import Block

StateDeltas: TypeAlias = Sequence[Block | None]
"""The deltas of a state, in one block or one for each array; none where no later step made any."""
Tables: TypeAlias = Callable[[int, int], None]
"""Takes the bytes of a table of tasks, which stays, and the temporary bytes of making it."""


@dataclass
class TapeBlocks:
    """A tape: its inputs, and the memory that it owns."""

    xs: Sequence[Block]
    held: list[Block]


class CellRehearsal(ABC):
    """Chunks of one length, on one heap."""

    @abstractmethod
    def advance(self, xs: Sequence[Block], *, output: bool) -> tuple[Block | None, list[Block]]:
        """(y, state) after a chunk."""

    @abstractmethod
    def record(
        self, xs: Sequence[Block], tape: int, *, output: bool
    ) -> tuple[Block | None, TapeBlocks]:
        """(y, tape) of a chunk, whose tape takes ``tape`` bytes."""

    @abstractmethod
    def rebuild(
        self, xs: Sequence[Block], tape: int, states: Block, *, output: bool
    ) -> tuple[Block | None, TapeBlocks]:
        """(y, tape) from a thin tape, ``states``, which the tape then shares."""

    @abstractmethod
    def deltas(self) -> StateDeltas:
        """The deltas of a state that a later chunk has made."""

    @abstractmethod
    def backward(
        self,
        tape: TapeBlocks,
        dy: Block | None,
        dstate: StateDeltas,
        tables: Tables,
        *,
        dx: Sequence[bool],
        placed: Sequence[bool],
    ) -> tuple[tuple[Block | None, ...], StateDeltas]:
        """(deltas of the inputs, deltas of the state before) of a chunk.

        Args:
            dx: for each input whether it has a gradient. placed: whether its delta has a place to
                be written to.
        """
