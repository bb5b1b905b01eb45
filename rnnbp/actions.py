"""The actions of a schedule: pure data. Chunks are numbered from 0.

>>> import rnnbp as rb
>>> from rnnbp.actions import Advance, Backward, Drop, Load, Record, Store
>>> to_the_end = [Store(0), Advance(0), Record(1), Backward(1)]
>>> again = [Load(0), Drop(0), Record(0), Backward(0)]
>>> rb.simulate(to_the_end + again, chunks=2).chunks
2
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from rnnbp.support.helping import names_of

__all__ = [
    "TIERS",
    "Action",
    "Advance",
    "Backward",
    "Drop",
    "Keep",
    "Load",
    "Rebuild",
    "Record",
    "Store",
    "Tier",
]

__dir__ = names_of(__all__, page=False)

Tier: TypeAlias = Literal["ram", "disk"]
TIERS: tuple[Tier, ...] = ("ram", "disk")


@dataclass(frozen=True, slots=True)
class Advance:
    """Run chunk n and keep only the state at its end. What does not feed the state is skipped.

    Args:
        n: the chunk.
    """

    n: int


@dataclass(frozen=True, slots=True)
class Record:
    """Run chunk n and keep its tape.

    Args:
        n: the chunk.
    """

    n: int


@dataclass(frozen=True, slots=True)
class Keep:
    """Run chunk n and keep its thin tape, which is the states of its steps.

    Args:
        n: the chunk.
    """

    n: int


@dataclass(frozen=True, slots=True)
class Rebuild:
    """Turn the thin tape of chunk n into its tape, all steps at once; the present state stays.

    Args:
        n: the chunk.
    """

    n: int


@dataclass(frozen=True, slots=True, repr=False)
class Store:
    """Keep the present state, which enters chunk n, as a checkpoint in a slot.

    Args:
        n: the chunk.
        tier: "ram" or "disk", where the slot is.
    """

    n: int
    tier: Tier = "ram"

    def __repr__(self) -> str:
        return (
            f"Store(n={self.n!r})"
            if self.tier == "ram"
            else f"Store(n={self.n!r}, tier={self.tier!r})"
        )


@dataclass(frozen=True, slots=True)
class Load:
    """Make the state entering chunk n the present state.

    It is read from a slot of n, or from the tape or thin tape of chunk n, which it enters, or of
    chunk n - 1, which ends in it; from RAM if one of them is there. The source stays.

    Args:
        n: the chunk.
    """

    n: int


@dataclass(frozen=True, slots=True)
class Drop:
    """Release the slot of the checkpoint entering chunk n.

    Args:
        n: the chunk.
    """

    n: int


@dataclass(frozen=True, slots=True)
class Backward:
    """Compute loss and deltas of chunk n, then its parameter gradients; frees its tape.

    Args:
        n: the chunk.
    """

    n: int


Action: TypeAlias = Advance | Record | Keep | Rebuild | Store | Load | Drop | Backward
