"""What a chunk of a whole model keeps for its backward: a tape or a thin tape of each Recurrent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from rnnbp.inputs.states import States
from rnnbp.numerics import Array, Nest, Saved
from rnnbp.runners.tapes import Tape, ThinTape

Places: TypeAlias = Mapping[int, Array]
"""By number of an input, where its delta may lie."""


@dataclass(slots=True)
class ChunkTape:
    """The internals of a chunk of a model."""

    tapes: list[Tape]
    """Of the Recurrents, in the order of the body."""
    saved: list[Saved]
    """What the other layers of the body saved, in that order."""
    frontier: dict[int, Array]
    """The values that the tail starts from."""

    def arrays(self) -> list[Nest]:
        """All that it holds."""
        found: list[Nest] = [*self.frontier.values(), *self.saved]
        for tape in self.tapes:
            found += tape.arrays()
        return found

    def entering(self) -> States:
        """The state before the chunk."""
        return tuple([tape.entering for tape in self.tapes])

    def leaving(self) -> States:
        """The state after the chunk."""
        return tuple([tape.leaving for tape in self.tapes])


@dataclass(slots=True)
class ChunkStates:
    """The thin tape of a chunk of a model: that of each Recurrent."""

    tapes: list[ThinTape]

    def arrays(self) -> Nest:
        """All that it holds."""
        return [tape.arrays() for tape in self.tapes]

    def entering(self) -> States:
        """The state before the chunk."""
        return tuple([tape.entering for tape in self.tapes])

    def leaving(self) -> States:
        """The state after the chunk."""
        return tuple([tape.leaving for tape in self.tapes])
