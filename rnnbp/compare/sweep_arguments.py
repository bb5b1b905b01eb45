"""The arguments of a comparison, checked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from numbers import Real

import numpy as np

from rnnbp.checks.arrays import plain
from rnnbp.compare.choices import compared
from rnnbp.inputs.given import SeriesLike
from rnnbp.inputs.pose import DEFAULT_CHUNK
from rnnbp.numerics import Array, Dtype, ShapeError, positive_int
from rnnbp.support.nearest import hint

SHARES = (8, 12, 20, 35, 60, 100)
"""Budgets in percent of the bytes of full caching."""


def checked(shares: Sequence[float], schedules: Sequence[str]) -> tuple[list[float], list[str]]:
    """Without repetitions, budgets ascending. Raises ValueError; TypeError for what is no list."""
    for name, given in (("shares", shares), ("schedules", schedules)):
        if not isinstance(given, Iterable) or isinstance(given, str):
            raise TypeError(f"sweep: {name} is a list, found {given!r}; give [{given!r}]")
    shares, schedules = list(shares), list(schedules)
    if not shares or not schedules:
        raise ValueError(
            "sweep: there is nothing to compare; give at least one of shares and of schedules"
        )
    for share in shares:
        if isinstance(share, bool) or not isinstance(share, Real) or not 0 < share < math.inf:
            raise ValueError(
                f"sweep: a share is a number above 0, in percent of full caching, found {share!r}; "
                "give as 28"
            )
    known = compared()
    for name in schedules:
        if name not in known:
            raise ValueError(
                f"sweep: there is no schedule {name!r}{hint(name, known)}; use some of "
                f"{', '.join(known)}"
            )
    return sorted(set(shares)), [name for name in known if name in schedules]


def plain_x(x: SeriesLike, dtype: Dtype | None) -> Array:
    """x as forecasts take it to be."""
    x = plain("sweep: x", x)
    if x.ndim < 2 or 0 in x.shape[:2]:
        raise ShapeError(
            f"sweep: x must be (T, B, ...) with T and B at least 1, found shape {x.shape}; reshape "
            "it"
        )
    return np.ascontiguousarray(x, dtype if x.dtype.kind == "f" else None)


def chunk_length(chunk: int | None, steps: int) -> int:
    """The steps in a chunk of full caching, at most those of the sequence."""
    return min(DEFAULT_CHUNK if chunk is None else positive_int("sweep: chunk", chunk), steps)
