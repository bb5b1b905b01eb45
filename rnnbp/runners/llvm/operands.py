"""Where the values of a cell lie in memory: (steps, B, features), as x and y do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rnnbp.compiler.storage import Buffer, Held, Location, Span, Storage

# Features are contiguous, so that a thread's rows of the batch are one piece of memory, and x, y
# and tapes are read and written where they are. A vector of features then never mixes rows.


@dataclass(frozen=True)
class Operand:
    """Features ``row`` and on of an array (steps, B, ``width``), or (B, ``width``) of one step."""

    name: str
    span: Span
    row: int
    width: int


class Operands:
    """The operands that a code's values are.

    Args:
        arrays: of each buffer.
    """

    def __init__(self, storage: Storage, arrays: Mapping[Buffer, Held]) -> None:
        self.storage, self.arrays = storage, dict(arrays)

    def of(self, value: int) -> Location:
        """The location of a value."""
        return self.storage.location(value)

    def operand(self, at: Location) -> Operand:
        """What a kernel reads or writes at a location."""
        held = self.arrays[at.buffer]
        return Operand(held.array, held.span, at.row, at.buffer.rows)
