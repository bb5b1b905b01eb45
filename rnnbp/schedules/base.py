"""What schedules share: what may stand where one is asked for, and the check of their counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from numbers import Integral
from typing import Protocol, TypeAlias, runtime_checkable

from rnnbp.actions import TIERS, Action
from rnnbp.support.printing import as_text

ScheduleLike: TypeAlias = Iterable[Action] | Callable[[int], Iterable[Action]] | str


@runtime_checkable
class OfChunks(Protocol):
    """A schedule that says how many chunks it is for."""

    chunks: int


@runtime_checkable
class HasSchedule(Protocol):
    """What is no schedule but has one, as a plan where a schedule of chunks is asked for."""

    schedule: Iterable[Action]


def check_counts(chunks: int, k: int = 1, **others: int) -> None:
    """Check numbers of chunks, slots and the like.

    Args:
        chunks: chunks of the sequence.
        k: chunks of a segment.
        others: other counts, by name.

    Raises TypeError or ValueError unless all are integers of at least 1.

    >>> import rnnbp as rb
    >>> rb.schedules.check_counts(10, k=2, slots=3)
    """
    for name, value in {"chunks": chunks, "k": k, **others}.items():
        check_count(name, value)


def check_count(name: str, value: object, least: int = 1) -> None:
    """Raise TypeError or ValueError unless it is an integer of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, Integral):  # NumPy's integers too
        raise TypeError(f"a schedule's {name} must be an integer, found {as_text(value)}")
    if value < least:
        raise ValueError(f"a schedule's {name} must be at least {least}, found {value}")


def check_tier(tier: object) -> None:
    """Raise ValueError unless it is a tier."""
    if not isinstance(tier, str) or tier not in TIERS:
        raise ValueError(
            f"a schedule's tier is one of {', '.join(map(repr, TIERS))}, found {as_text(tier)}"
        )
