"""Where values lie in memory: batch first, (steps, B, features), as x and y do."""

from __future__ import annotations

from dataclasses import dataclass

from rnnbp.compiler.storage import Buffer, Home, Homes

SPANS = {
    "": ("step", 0),
    ":n": ("block", 0),
    "1:n + 1": ("block", 1),
    "t0:t1": ("chunk", 0),
    "t0 + 1:t1 + 1": ("chunk", 1),
}
"""By the span of a block's steps, how steps are counted, and how many later it is."""


@dataclass(frozen=True)
class Place:
    """Features ``row`` and on of an array (steps, B, ``width``), or (B, ``width``) where it is of one step."""

    name: str
    kind: str
    later: int
    row: int
    width: int


@dataclass(frozen=True)
class Spot:
    """The same by buffer: what may overlap."""

    buffer: Buffer
    row: int


class Places:
    """The places of a code's values.

    Args:
        spans: by buffer, its name and the span of a block's steps in it, as the NumPy backend writes it.
    """

    def __init__(self, homes: Homes, spans: dict[Buffer, tuple[str, str]]) -> None:
        self.homes, self.spans = homes, spans

    def of(self, value: int) -> Spot:
        """The spot of a value."""
        return self.spot(self.homes.home(value))

    def spot(self, home: Home) -> Spot:
        """The spot of a home."""
        return Spot(home.buffer, home.row)

    def place(self, spot: Spot) -> Place:
        """Where a spot is."""
        name, span = self.spans[spot.buffer]
        kind, later = SPANS[span]
        return Place(name, kind, later, spot.row, spot.buffer.rows)
