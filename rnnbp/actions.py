"""The actions of a schedule: pure data. A chunk is numbered by n, from 0 to the number of chunks less one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Advance:
    """Run chunk n and keep only the state that it ends in. What does not feed the state is skipped."""

    n: int


@dataclass(frozen=True, slots=True)
class Record:
    """Run chunk n and keep its tape."""

    n: int


@dataclass(frozen=True, slots=True)
class Store:
    """Keep the present state, which enters chunk n, as a checkpoint in a slot."""

    n: int


@dataclass(frozen=True, slots=True)
class Load:
    """Make the checkpoint entering chunk n the present state. Its slot stays."""

    n: int


@dataclass(frozen=True, slots=True)
class Drop:
    """Release the slot of the checkpoint entering chunk n."""

    n: int


@dataclass(frozen=True, slots=True)
class Backward:
    """Loss and deltas of chunk n, then its parameter gradients; frees its tape."""

    n: int


Action: TypeAlias = Advance | Record | Store | Load | Drop | Backward
