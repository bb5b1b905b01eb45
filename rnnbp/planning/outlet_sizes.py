"""What an outlet of a sweep holds and needs in bytes: known before anything runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final


@final
@dataclass(frozen=True)
class DeltaSizes:
    """One of the deltas that are summed to that of an output.

    Attributes:
        held: True if it is a view of what is held elsewhere, else an array of its own.
        spare: temporary bytes of making it, for each step of each row, apart from that array.
    """

    held: bool = False
    spare: float = 0


@final
@dataclass(frozen=True)
class OutletSizes:
    """The needs of one output's outlet, in bytes for each step of each row.

    Attributes:
        wanted: True if its values are taken on the first pass.
        taking: temporary bytes of that.
        deltas: those that come back, in the order in which they are made and added up.
        whole: of a chunk in which no row ends; None for the same.
    """

    wanted: bool = False
    taking: float = 0
    deltas: tuple[DeltaSizes, ...] = (DeltaSizes(),)
    whole: tuple[DeltaSizes, ...] | None = None

    @property
    def of_whole(self) -> OutletSizes:
        """The same, of chunks in which no row ends."""
        return self if self.whole is None else replace(self, deltas=self.whole, whole=None)
