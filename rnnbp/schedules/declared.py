"""What a kind of schedule declares of itself, and what a search tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, final

BLUE, GREEN, ORANGE, PURPLE, RED, SKY, GREY = (
    "#0072B2",
    "#009E73",
    "#E69F00",
    "#CC79A7",
    "#D55E00",
    "#56B4E9",
    "#888888",
)
"""Colours that the colour-blind can tell apart (Okabe & Ito 2008)."""


class Marker(NamedTuple):
    """How a kind of schedule is drawn."""

    shape: str
    """A marker of Matplotlib's, as "o"."""
    colour: str


@final
@dataclass(frozen=True)
class Holds:
    """The most that a schedule holds at once, or a bound of it."""

    slots: int = 0
    """Checkpoints in RAM."""
    tapes: int = 1
    thin: int = 0
    """Thin tapes."""
    disk: int = 0
    """Checkpoints on disk."""
    moved: int = 0
    """Checkpoints written to disk in all, or read from there if that is more often."""


@final
@dataclass(frozen=True)
class Room:
    """What fits in a budget, for one number of chunks; 0 or less where nothing does."""

    chunks: int
    slots: int
    """Slots in RAM that fit with one tape."""
    tapes: int
    """Tapes that fit with one slot."""
    alpha: int
    """Slots in the bytes of a tape, rounded up."""
    units: int
    """Slots that fit with one tape if each also has a table, as the two-table optimum has."""
    tables: int
    """The most chunks times units for which tables may be worked out; 0 for none."""
    disk: int = 0
    """Slots that fit on disk."""
    write: float = 0.0
    """What it takes to write a slot to disk, in runs of a chunk."""
    read: float = 0.0


def powers_of_2(below: int, first: int = 1) -> list[int]:
    """Powers of 2 from ``first``, which is one, up to one less than ``below``."""
    return [2**k for k in range(first.bit_length() - 1, max(0, below - 1).bit_length())]


def spacings(chunks: int) -> list[int]:
    """For each number of segments from 2 on, the fewest chunks in one: more costs for nothing."""
    return sorted({-(-chunks // segments) for segments in range(2, chunks + 1)})
