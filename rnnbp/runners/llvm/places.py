"""Where values lie in memory: batch first, (steps, B, features), as x and y do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rnnbp.compiler.storage import Buffer, Held, Location, Storage


@dataclass(frozen=True)
class Place:
    """Features ``row`` and on of an array (steps, B, ``width``), or (B, ``width``) where it is of one step."""

    name: str
    kind: str
    later: int
    row: int
    width: int


class Places:
    """The places of a code's values.

    Args:
        arrays: of each buffer.
    """

    def __init__(self, storage: Storage, arrays: Mapping[Buffer, Held]) -> None:
        self.storage, self.arrays = storage, dict(arrays)

    def of(self, value: int) -> Location:
        """The location of a value."""
        return self.storage.location(value)

    def place(self, at: Location) -> Place:
        """Where a location is."""
        held = self.arrays[at.buffer]
        return Place(held.array, held.span.scope, held.span.later, at.row, at.buffer.rows)
