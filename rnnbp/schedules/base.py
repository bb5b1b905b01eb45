"""What schedules share: what may stand where one is asked for, and the check of their counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from numbers import Integral
from typing import TypeAlias

from rnnbp.actions import Action

ScheduleLike: TypeAlias = Iterable[Action] | Callable[[int], Iterable[Action]] | str


def check_counts(chunks: int, k: int = 1, **others: int) -> None:
    """Raise TypeError or ValueError unless all are integers of at least 1."""
    for name, value in {"chunks": chunks, "k": k, **others}.items():
        if isinstance(value, bool) or not isinstance(value, Integral):  # NumPy's integers too
            raise TypeError(f"a schedule's {name} must be an integer, found {value!r}")
        if value < 1:
            raise ValueError(f"a schedule's {name} must be at least 1, found {value}")
