"""What an outlet of a sweep holds and needs in bytes: known before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True)
class OutletSizes:
    """The needs of one output's outlet, in bytes for each step of each row.

    Attributes:
        wanted: True if its values are taken on the first pass.
        taking: temporary bytes of that.
        delta: True if a delta comes back, an array of its own unless it is ``held``.
        held: True if that is a view of what is held elsewhere.
        spare: temporary bytes of making the delta.
    """

    wanted: bool = False
    taking: float = 0
    delta: bool = True
    held: bool = False
    spare: float = 0
