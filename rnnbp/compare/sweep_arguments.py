"""The arguments of a comparison, checked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import NamedTuple

import numpy as np

from rnnbp.checks.arrays import plain
from rnnbp.compare.choices import SHORT_PLAN, compared
from rnnbp.graph.graph import Graph
from rnnbp.graph.values import Per
from rnnbp.inputs.chunk_length import default_chunk
from rnnbp.inputs.given import InputsLike, InputsOf, SeriesLike
from rnnbp.inputs.passed import passed
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
    known = [*compared(), SHORT_PLAN]
    for name in schedules:
        if name not in known:
            raise ValueError(
                f"sweep: there is no schedule {name!r}{hint(name, known)}; use some of "
                f"{', '.join(known)}"
            )
    return sorted(set(shares)), [name for name in known if name in schedules]


class Given(NamedTuple):
    """The inputs of a comparison as forecasts take them to be."""

    x: InputsOf
    steps: int
    batch: int
    shapes: InputsOf
    """Feature shapes."""


def plain_inputs(model: Graph, x: InputsLike) -> Given:
    """x, or several inputs, as ``bptt`` takes them. Raises ShapeError for other axes."""
    values, form = passed(model, x, "sweep: x")
    each = [
        _plain(f"sweep: {form.label(k)}", part, model.dtype, per)
        for k, (part, per) in enumerate(zip(values, model.pers, strict=True))
    ]
    shapes = [a.shape[2 if p == "step" else 1 :] for a, p in zip(each, model.pers, strict=True)]
    steps, batch = each[model.pers.index("step")].shape[:2]
    return Given(form.of(each), steps, batch, form.of(shapes))


def _plain(label: str, given: SeriesLike, dtype: Dtype | None, per: Per) -> Array:
    x = plain(label, given)
    lead, axes = (2, "(T, B, ...) with T and B") if per == "step" else (1, "(B, ...) with B")
    if x.ndim < lead or 0 in x.shape[:lead]:
        raise ShapeError(f"{label} must be {axes} at least 1, found shape {x.shape}; reshape it")
    return np.ascontiguousarray(x, dtype if x.dtype.kind == "f" else None)


def chunk_length(model: Graph, chunk: int | None, given: Given) -> int:
    """The steps in a chunk of full caching, at most those of the sequence."""
    if chunk is not None:
        return min(positive_int("sweep: chunk", chunk), given.steps)
    shapes = passed(model, given.shapes, "sweep: x")[0]
    return min(default_chunk(model, shapes, given.batch, given.steps), given.steps)
