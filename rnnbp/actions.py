"""The actions of a schedule: pure data. A chunk is numbered by n, from 0 to the number of chunks
less one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Tier: TypeAlias = Literal["ram", "disk"]
TIERS: tuple[Tier, ...] = ("ram", "disk")


@dataclass(frozen=True, slots=True)
class Advance:
    """Run chunk n and keep only the state that it ends in. What does not feed the state
    is skipped.
    """

    n: int


@dataclass(frozen=True, slots=True)
class Record:
    """Run chunk n and keep its tape."""

    n: int


@dataclass(frozen=True, slots=True)
class Keep:
    """Run chunk n and keep its thin tape, which is the states of its steps."""

    n: int


@dataclass(frozen=True, slots=True)
class Rebuild:
    """The thin tape of chunk n becomes its tape, all steps at once. The present state stays as it
    is.
    """

    n: int


@dataclass(frozen=True, slots=True, repr=False)
class Store:
    """Keep the present state, which enters chunk n, as a checkpoint in a slot."""

    n: int
    tier: Tier = "ram"

    def __repr__(self) -> str:
        return f"Store(n={self.n!r})" if self.tier == "ram" else f"Store(n={self.n!r}, tier={self.tier!r})"


@dataclass(frozen=True, slots=True)
class Load:
    """Make the state entering chunk n the present state.

    It is read from a slot of n, or from the tape or thin tape of chunk n, which it enters, or of
    chunk n - 1, which ends in it: from RAM where one of them is there. What it is read from stays.
    """

    n: int


@dataclass(frozen=True, slots=True)
class Drop:
    """Release the slot of the checkpoint entering chunk n."""

    n: int


@dataclass(frozen=True, slots=True)
class Backward:
    """Loss and deltas of chunk n, then its parameter gradients; frees its tape."""

    n: int


Action: TypeAlias = Advance | Record | Keep | Rebuild | Store | Load | Drop | Backward
